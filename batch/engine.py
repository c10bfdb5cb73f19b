"""The engine on Spark: one long-lived application that runs the models and writes Delta tables.

A session that has ended, because the master or the JVM died, is replaced at the next call; the call that
noticed raises DependencyError.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable
from msgspec import Struct
from pyspark.sql import DataFrame, DataFrameWriter, SparkSession
from pyspark.sql.functions import expr

from batch import insert
from batch.faults import RULE_FAILED, SPARK_ERRORS, sentence, translated
from batch.frames import arranged, outcome, predicate, register
from batch.session import end_jvm, jvm_pid, start_session, stop_session
from batch.shared_folders import check_shared
from batch.warming import warm
from batch.watch import ExecutorWatch
from contracts.errors import ConflictError, DependencyError
from contracts.layout import run_folder
from contracts.settings import Settings
from lakehouse.datasets import InsertNew
from lakehouse.engine import Insert, Replace, Result, Task, Upsert
from lakehouse.medallion import upsert
from lakehouse.medallion.refusal import REFUSED, fail_if_asked, judged_model, rules_of
from lakehouse.medallion.tasks import ensure_balanced, handle_for
from lakehouse.storage import commits, delta_log, tables

EXECUTOR_PATIENCE_SECONDS = 60.0
"""Longer than the start of an executor takes on a busy machine."""

log = logging.getLogger(__name__)


class SparkEngine:
    """Runs tasks on the cluster that the settings name. One at a time a process, as a JVM of its own is."""

    name = "spark"

    def __init__(
        self,
        settings: Settings,
        jars: Sequence[Path],
        java_home: Path,
        patience: float = EXECUTOR_PATIENCE_SECONDS,
    ) -> None:
        """Starts nothing yet.

        ``jars`` are Delta's two; ``java_home`` is one that Spark's launcher accepts. A task that has had no
        executor for ``patience`` seconds is given up, and the session with it.
        """
        self._patience = patience
        self._settings = settings
        self._jars = tuple(jars)
        self._java_home = java_home
        self._session: SparkSession | None = None
        self._warm_jvm: int | None = None
        self._handles: dict[Path, DeltaTable] = {}

    def connect(self) -> None:
        started = time.perf_counter()
        self._connected()
        log.info("Spark has accepted the application", extra={"seconds": _since(started)})

    def warm_up(self) -> None:
        self._connected()
        started = time.perf_counter()
        if self._warm_jvm != jvm_pid():
            warm(self.run, run_folder(self._settings) / "spark" / "warm-up")
            self._warm_jvm = jvm_pid()
            log.info("Spark is warm", extra={"seconds": _since(started)})

    def run(self, task: Task) -> Result:
        started = time.perf_counter()
        handle = handle_for(task, self._handles)
        session = self._connected()
        before = handle.version()
        try:
            with self._guarded(session, f"{task.target.name}"):
                done, metadata = self._compute_and_write(session, task, handle)
        except BaseException:
            self._handles.pop(task.path, None)
            raise
        if isinstance(task.write, Upsert):
            version, rows_out = handle.version(), done.rows_out
        else:
            version, rows_out = _committed(task, before)
        return Result(
            version=version,
            rows_in=rows_out if done.rows_in is None else done.rows_in,
            rows_out=rows_out,
            refused=done.refused,
            duplicates=done.duplicates,
            seconds=time.perf_counter() - started,
            hours=tuple(metadata.get("hours", ())),
        )

    def close(self) -> None:
        if self._session is not None:
            stop_session(self._session)
            self._session = None
            end_jvm()
        self._handles.clear()

    def _connected(self) -> SparkSession:
        """The living session, made anew where the last one has ended. Raises DependencyError."""
        if self._session is not None and not _lives(self._session):
            log.warning("the Spark application has ended: starting another")
            self._drop_session()
        if self._session is None:
            session = start_session(self._settings, self._jars, self._java_home)
            self._session = session
            if self._settings.spark.master:
                folders = dict.fromkeys((self._settings.data_root, self._settings.outputs_root))
                with self._guarded(session, "a look at the shared folders"):
                    check_shared(session, folders)
        return self._session

    def _drop_session(self) -> None:
        stop_session(self._session)
        self._session = None

    @contextmanager
    def _guarded(self, session: SparkSession, what: str) -> Iterator[None]:
        """Translates errors of the body; drops the session where it is of no more use."""
        with ExecutorWatch(session, self._patience) as watch:
            try:
                with translated(what):
                    yield
            except DependencyError as error:
                if watch.starved:
                    self._drop_session()
                    raise DependencyError(
                        f"{what}: the Spark cluster gave no executor for {self._patience:g} s; "
                        "are its workers running, and are cores free?"
                    ) from error
                if not _lives(session):
                    self._drop_session()
                raise

    def _compute_and_write(
        self, session: SparkSession, task: Task, handle: DeltaTable
    ) -> tuple[_Done, dict[str, Any]]:
        """Returns what became of the model's rows, and the commit's metadata."""
        for source in task.inputs:
            register(session, source)
        model = session.sql(judged_model(task.target, task.sql))
        chosen = predicate(task.write) if isinstance(task.write, Replace) else "true"
        metadata = {**task.metadata, "txn": task.txn, "engine": self.name}
        if isinstance(task.write, Upsert):
            rows = model.toArrow()
            _fail_if_refused(task, rows)
            written = upsert.upsert(task, handle, upsert.conformed(task, rows), metadata)
            return _Done(rows_out=written.rows_out), metadata
        if not isinstance(task.target.build, InsertNew):
            frame = model.where(chosen)
            if rules_of(task.target):
                # Of rules on computed tables all are of severity `fail`: Spark itself ends the write.
                frame = frame.where(expr(f"assert_true({REFUSED} IS NULL, {_failing(task)}) IS NULL"))
            frame = outcome(frame, task)
            order = [name for name in (task.target.partition, task.target.time) if name]
            frame = frame.coalesce(1)
            self._write(task, frame.sortWithinPartitions(*order) if order else frame, metadata)
            return _Done(), metadata
        existing = None
        if isinstance(task.write, Insert):
            existing = tables.snapshot_files(handle, task.path, task.target)
        batch = insert.judged(session, model, task.target, existing, chosen)
        try:
            ensure_balanced(task, batch.rows_in)
            if batch.rows_refused:
                _refuse(task, batch.refused_rows().toArrow())
            if "hours" not in metadata:
                metadata |= commits.changes(batch.hours)
            frame = outcome(batch.new_rows(), task)
            self._write(task, arranged(frame, task.target, batch.rows_new), metadata)
        finally:
            _forget(batch.frame)
        return _Done(
            rows_in=batch.rows_in,
            refused=batch.rows_refused,
            duplicates=batch.rows_stored + batch.rows_repeated,
        ), metadata

    def _write(self, task: Task, frame: DataFrame, metadata: dict[str, Any]) -> None:
        writer: DataFrameWriter = (
            frame.write.format("delta")
            .option("txnAppId", commits.app_id(task.target))
            .option("txnVersion", str(task.txn))
            .option("userMetadata", commits.as_user_metadata(metadata))
        )
        match task.write:
            case Insert():
                writer = writer.mode("append")
            case Replace(values=()):
                writer = writer.mode("append")
            case Replace():
                writer = writer.mode("overwrite").option("replaceWhere", predicate(task.write))
            case _:
                writer = writer.mode("overwrite")
        writer.save(str(task.path))


class _Done(Struct, kw_only=True):
    """What became of the model's rows."""

    rows_in: int | None = None
    """None: not counted."""
    rows_out: int = 0
    """Of an Upsert; else the commit says it."""
    refused: int = 0
    duplicates: int = 0


def _refuse(task: Task, rows: pa.Table) -> None:
    _fail_if_refused(task, rows)
    assert task.refuse is not None
    task.refuse(rows)


def _fail_if_refused(task: Task, rows: pa.Table) -> None:
    if REFUSED in rows.column_names:
        names = [name for name in rows[REFUSED].to_pylist() if name is not None]
        fail_if_asked(task.target, Counter(names))


def _failing(task: Task) -> str:
    """Message of a row that fails a rule, in SQL."""
    return f"concat('{RULE_FAILED}', {REFUSED})"


def _committed(task: Task, before: int) -> tuple[int, int]:
    """Version and rows of the commit that the task has just made. Raises ConflictError where there is none:
    Delta skips a transaction that it has seen."""
    at = delta_log.latest_version(task.path, before)
    app = commits.app_id(task.target)
    while at > before:
        commit = delta_log.read_commit(task.path, at)
        if commit is not None and commit.transactions.get(app) == task.txn:
            metrics = commit.info.get("operationMetrics") or {}
            # A Replace of nothing by nothing has no such metric.
            written = metrics.get("numOutputRows", sum(file.rows for file in commit.added))
            # A Replace copies what its files hold beside the rows that it replaces.
            return at, int(written) - int(metrics.get("numCopiedRows", 0))
        at -= 1
    raise ConflictError(f"{task.target.name}: transaction {task.txn} was not written")


def _lives(session: SparkSession) -> bool:
    if jvm_pid() is None:
        return False
    try:
        return not session.sparkContext._jsc.sc().isStopped()
    except (*SPARK_ERRORS, AttributeError) as error:
        log.debug("the session does not answer: %s", sentence(error))
        return False


def _forget(frame: DataFrame) -> None:
    """Frees a cached frame. Its session may just have died, which its user reports."""
    try:
        frame.unpersist()
    except SPARK_ERRORS as error:
        log.debug("a cached frame was not freed: %s", sentence(error))


def _since(started: float) -> float:
    return round(time.perf_counter() - started, 1)
