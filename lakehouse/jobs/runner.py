"""Runs one job for one day: reads views, computes, replaces the day's file, and leaves a row of history."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Protocol

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from contracts.durability import sync_folder
from contracts.errors import PlatformError, SchemaMismatch, SettingsError
from contracts.settings import Settings
from lakehouse.jobs.audited import RunAudit
from lakehouse.jobs.declaration import Job, output_file
from lakehouse.jobs.history import Run, Trigger, begin, record
from lakehouse.jobs.sql import as_of, job_sql
from lakehouse.medallion.parameters import parameters
from lakehouse.openlineage import Outcome, Reporter
from lakehouse.reading.view_files import Revisions, ViewFiles, days_of, view_files

META_SEEN = b"dp.seen"
"""Parquet metadata of a result: JSON, view → revisions that were read."""

log = logging.getLogger(__name__)


class JobEngine(Protocol):
    """Computes a job's model. One run, then ``close``."""

    @property
    def name(self) -> str:
        """`embedded` or `spark`."""

    def compute(
        self, sql: str, views: Sequence[ViewFiles], parameters: pa.Table, schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        """The model's rows, with the columns of ``schema``. ``sql`` is in the models' dialect and reads the
        views by their names, by the reading rule, and ``parameters`` (``lakehouse.medallion.parameters``) by
        its own.

        Raises SchemaMismatch where the model does not give these columns, DependencyError where files or the
        engine's own processes are gone.
        """

    def close(self) -> None:
        """Ends what the engine started."""


def run_job(
    settings: Settings,
    job: Job,
    day: date,
    engine: JobEngine,
    *,
    trigger: Trigger = "command",
    attempt: int = 1,
    today: date | None = None,
    audit: RunAudit | None = None,
) -> Run:
    """Computes ``job`` for the UTC day and replaces its result, closes the engine, and records the run.

    The day need not be closed: an open one is computed as far as it has come. Raises SettingsError for a day
    in the future, and what the engine raises; a failed run is recorded as well and leaves the old result.
    For the holder of the batch lock. Raises DependencyError, and does nothing, where ``audit`` takes nothing.
    """
    audit = audit or RunAudit()
    started = datetime.now(UTC)
    today = started.date() if today is None else today
    if day > today:
        raise SettingsError(f"--date {day}: that day has not begun in UTC")
    run = Run(
        run_id=uuid.uuid4().hex,
        job=job.name,
        run_date=day,
        trigger=trigger,
        attempt=attempt,
        status="failed",
        engine=engine.name,
        started_at=started,
        ended_at=started,
    )
    audit.begun(run)
    if killed := begin(settings, run):
        audit.ended(killed)
    reporter = Reporter(settings)
    at_midnight = datetime.combine(day, time(), UTC)
    try:
        with (
            closing(reporter),
            reporter.telling(job.name, job.views, engine.name, nominal=at_midnight) as say,
            closing(engine),
        ):
            run = _run(settings, job, day, today - timedelta(days=1), engine, run)
            say(Outcome(rows=run.rows_out))
    except BaseException as error:  # SystemExit too: of a run that took too long
        text = str(error) or type(error).__name__
        if not isinstance(error, PlatformError):
            text = f"{type(error).__name__}: {text}"
        run = msgspec.structs.replace(run, ended_at=datetime.now(UTC), error=text)
        record(settings, run)
        audit.ended(run)
        raise
    run = msgspec.structs.replace(run, status="succeeded", ended_at=datetime.now(UTC))
    record(settings, run)
    audit.ended(run)
    log.info(
        "batch job done",
        extra={"job": job.name, "date": day.isoformat(), "rows_in": run.rows_in, "rows_out": run.rows_out},
    )
    return run


def inputs(settings: Settings, job: Job, day: date, through: date) -> list[ViewFiles]:
    """What a run of ``job`` for ``day`` reads; ``through`` is the last closed day."""
    return [
        view_files(
            settings, name, [one for one in days_of(settings, name) if job.wants(one, name, day, through)]
        )
        for name in job.views
    ]


def seen(path: Path) -> dict[str, Revisions] | None:
    """What the run that wrote this result had read; None: there is no result, or nobody knows."""
    try:
        metadata = pq.read_metadata(path).metadata or {}
        return msgspec.json.decode(metadata[META_SEEN], type=dict[str, dict[str, int]])
    except (OSError, pa.ArrowException, KeyError, msgspec.MsgspecError):
        return None


def computed(
    settings: Settings, job: Job, day: date, through: date, engine: JobEngine, views: Sequence[ViewFiles]
) -> Iterator[pa.RecordBatch]:
    """The rows of a run for ``day`` over ``views``; ``through`` is the last closed day."""
    told = parameters(settings, as_of(job, day, through)).rows
    assert told is not None
    return engine.compute(job_sql(job, day), views, told, job.schema)


def _run(settings: Settings, job: Job, day: date, through: date, engine: JobEngine, run: Run) -> Run:
    views = inputs(settings, job, day, through)
    versions = {view.name: view.revisions for view in views}
    run = msgspec.structs.replace(
        run, rows_in=sum(view.rows() for view in views), versions=msgspec.json.encode(versions).decode()
    )
    batches = computed(settings, job, day, through, engine, views)
    rows = replace_result(output_file(settings, job.name, day), job.schema, batches, versions)
    return msgspec.structs.replace(run, rows_out=rows)


def replace_result(
    path: Path, schema: pa.Schema, batches: Iterator[pa.RecordBatch], versions: dict[str, Revisions]
) -> int:
    """Writes a day's file beside the old one and puts it in its place, durably; returns the rows.

    Raises SchemaMismatch where rows do not fit the schema; then the old file stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left_over in path.parent.glob(f".{path.name}.*"):
        left_over.unlink(missing_ok=True)  # of a run that was killed: one goes at a time
    hidden = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    rows = 0
    stamped = schema.with_metadata({META_SEEN: msgspec.json.encode(versions)})
    try:
        with open(hidden, "xb") as file:
            with pq.ParquetWriter(file, stamped, compression="snappy") as writer:
                for batch in batches:
                    writer.write_batch(_fitted(path, schema, batch).replace_schema_metadata(stamped.metadata))
                    rows += batch.num_rows
            file.flush()
            os.fsync(file.fileno())
        hidden.replace(path)
    finally:
        hidden.unlink(missing_ok=True)
    sync_folder(path.parent)
    return rows


def _fitted(path: Path, schema: pa.Schema, batch: pa.RecordBatch) -> pa.RecordBatch:
    try:
        fitted = batch.select(schema.names).cast(schema)
    except (KeyError, pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise SchemaMismatch(f"the model's rows do not fit {path}: {error}") from error
    for field, values in zip(schema, fitted.columns, strict=True):
        if values.null_count and not field.nullable:
            raise SchemaMismatch(f"the model gives nulls for {field.name} of {path}")
    return fitted
