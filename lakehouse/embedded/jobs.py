"""The batch jobs without a JVM: the job's model by sqlglot in DuckDB, over the views' files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from contracts.errors import DependencyError, SchemaMismatch
from contracts.settings import Settings
from lakehouse.embedded.insert import quoted
from lakehouse.medallion.parameters import NAME as PARAMETERS
from lakehouse.models import transpile
from lakehouse.reading.relations import literal, select_of_nothing, sql_type, stored
from lakehouse.reading.view_files import ViewFiles, view_contract

BATCH_ROWS = 65_536


class EmbeddedJobs:
    """Computes a job in this process."""

    name = "embedded"

    def __init__(self, settings: Settings) -> None:
        self._spill = Path(tempfile.mkdtemp(prefix="dp-batch-"))
        self._connection = open_duckdb(settings.lakehouse.embedded_memory_mb, self._spill)

    def close(self) -> None:
        self._connection.close()
        shutil.rmtree(self._spill, ignore_errors=True)

    def compute(
        self, sql: str, views: Sequence[ViewFiles], parameters: pa.Table, schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        try:
            self._connection.register(PARAMETERS, parameters)
            for view in views:
                rule = view_contract(view.name).query(f"({files_query(view)}) AS files")
                self._connection.execute(f"CREATE OR REPLACE TEMP VIEW {quoted(view.name)} AS {rule}")
            columns = ", ".join(
                f"CAST({quoted(field.name)} AS {sql_type(field.type)}) AS {quoted(field.name)}"
                for field in schema
            )
            result = self._connection.sql(f"SELECT {columns} FROM ({transpile.query(sql)}) AS outcome")
            yield from result.to_arrow_reader(BATCH_ROWS)
        except (duckdb.BinderException, duckdb.ConversionException) as error:
            raise SchemaMismatch(f"the job's model does not fit its result: {error}") from error
        except (duckdb.IOException, duckdb.InvalidInputException, duckdb.OutOfMemoryException) as error:
            raise DependencyError(f"the job cannot be computed: {error}") from error


def open_duckdb(memory_mb: int, spill: Path, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory that spills to ``spill`` and computes in UTC."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_mb}MiB",
        "temp_directory": str(spill),
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    if threads is not None:
        config["threads"] = threads
    connection = duckdb.connect(config=config)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def files_query(view: ViewFiles) -> str:
    """A SELECT of all rows of a view's files, with `date` and `topic_id` from their folders."""
    if not view.files:
        return select_of_nothing(view.schema)
    files = ", ".join(literal(str(path)) for path in view.files)
    columns = ", ".join(stored(field) for field in view.schema)
    return (
        f"SELECT {columns} FROM read_parquet([{files}], union_by_name = true, hive_partitioning = true, "
        "hive_types = {'date': DATE, 'topic_id': VARCHAR})"
    )
