"""The batch jobs on Spark: each run is an application of its own on the cluster, in a process of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from batch.faults import translated
from batch.frames import escaped, quoted, spark_schema
from batch.session import end_jvm, start_session, stop_session
from batch.watch import ExecutorWatch
from contracts.errors import DependencyError, SchemaMismatch
from contracts.settings import Settings
from lakehouse.medallion.parameters import NAME as PARAMETERS
from lakehouse.reading.view_files import ViewFiles, view_contract

BATCH_ROWS = 65_536
EXECUTOR_PATIENCE_SECONDS = 120.0
"""A job waits so long for cores: another application may be about to end."""


class SparkJobs:
    """Computes a job on the cluster that the settings name."""

    name = "spark"

    def __init__(
        self,
        settings: Settings,
        jars: Sequence[Path],
        java_home: Path,
        patience: float = EXECUTOR_PATIENCE_SECONDS,
    ) -> None:
        """Starts nothing yet. ``jars`` and ``java_home`` as for the engine of the tables."""
        self._settings = settings
        self._jars = tuple(jars)
        self._java_home = java_home
        self._patience = patience
        self._session: SparkSession | None = None
        # Executors write it, so it lies where they write results as well.
        self._scratch = settings.outputs_root / ".batch"

    def close(self) -> None:
        if self._session is not None:
            stop_session(self._session)
            self._session = None
            end_jvm()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def compute(
        self, sql: str, views: Sequence[ViewFiles], parameters: pa.Table, schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        session = self._started()
        with ExecutorWatch(session, self._patience) as watch:
            try:
                with translated("the batch job"):
                    self._write(session, sql, views, parameters, schema)
            except DependencyError as error:
                if watch.starved:
                    raise DependencyError(
                        f"the Spark cluster gave no executor for {self._patience:g} s; "
                        "are its workers running, and are cores free?"
                    ) from error
                raise
        for part in sorted(self._scratch.glob("*.parquet")):
            with pq.ParquetFile(part) as file:
                yield from file.iter_batches(BATCH_ROWS)

    def _started(self) -> SparkSession:
        if self._session is None:
            self._session = start_session(self._settings, self._jars, self._java_home, name="batch")
        return self._session

    def _write(
        self,
        session: SparkSession,
        sql: str,
        views: Sequence[ViewFiles],
        parameters: pa.Table,
        schema: pa.Schema,
    ) -> None:
        session.createDataFrame(
            [tuple(row.values()) for row in parameters.to_pylist()], spark_schema(parameters.schema)
        ).createOrReplaceTempView(PARAMETERS)
        for view in views:
            _register(session, view)
        frame = session.sql(sql)
        types = {field.name: field.dataType.simpleString() for field in spark_schema(schema)}
        missing = sorted(types.keys() - {name.lower() for name in frame.columns})
        if missing:
            raise SchemaMismatch(f"the job's model lacks the columns {', '.join(missing)}")
        frame = frame.selectExpr(
            *(f"CAST({quoted(n)} AS {kind}) AS {quoted(n)}" for n, kind in types.items())
        )
        frame.coalesce(1).write.mode("overwrite").parquet(str(self._scratch))


def _register(session: SparkSession, view: ViewFiles) -> None:
    """Makes a view readable by its name, by the reading rule."""
    structure = spark_schema(view.schema)
    if view.files:
        reader = session.read.schema(structure).option("basePath", escaped(view.root))
        files = reader.parquet(*(escaped(file) for file in view.files))
    else:
        files = session.createDataFrame([], structure)
    files.createOrReplaceTempView(f"{view.name}_files")
    session.sql(view_contract(view.name).query(f"{view.name}_files")).createOrReplaceTempView(view.name)
