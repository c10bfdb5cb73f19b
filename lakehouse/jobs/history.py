"""The runs of the batch jobs: each leaves one row, whatever became of it.

A run that is under way is named in a file of the run folder; where that is found although nobody runs, its
process was killed, and the next run leaves the row in its place.

Rows go to `landing/platform_batch_runs` as a chain, like any source's, and the driver makes the table
`batch_runs` of them. Readers here take both, as landing is cleaned up in time.
"""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
import pyarrow as pa
from msgspec import Struct

from contracts.errors import NotFound
from contracts.layout import run_folder
from contracts.platform import PLATFORM_LANDING
from contracts.platform import RUNS as PLATFORM_RUNS
from contracts.settings import Settings
from lakehouse.medallion import platform_landing
from lakehouse.reading import platform_rows
from lakehouse.storage import tables

SOURCE = PLATFORM_RUNS.name
TABLE = PLATFORM_RUNS.table

log = logging.getLogger(__name__)

Trigger = Literal["command", "schedule", "missed", "late"]

RUNS = PLATFORM_LANDING[SOURCE]
"""Columns of a run's row as it lands."""


class Run(Struct, frozen=True, kw_only=True):
    """One attempt of one job for one UTC day."""

    run_id: str
    job: str
    run_date: date
    trigger: Trigger
    attempt: int
    status: Literal["succeeded", "failed"]
    engine: str
    started_at: datetime
    ended_at: datetime
    rows_in: int | None = None
    """Rows of the files that were read."""
    rows_out: int | None = None
    versions: str = "{}"
    """JSON: view → date, topic id and source partition → the newest revision that was read."""
    error: str | None = None


def begin(settings: Settings, run: Run) -> Run | None:
    """Names the run that goes on, after a row for the one before where that was killed: which is returned.
    For the holder of the batch lock; raises OSError where the disk refuses."""
    found: Run | None = None
    under_way = _under_way(settings)
    if (killed := _read(under_way)) and killed.run_id not in {known.run_id for known in runs(settings)}:
        error = "its process ended without a word: killed, or the machine went down"
        found = msgspec.structs.replace(killed, ended_at=datetime.now(UTC), error=error)
        record(settings, found)
    under_way.parent.mkdir(parents=True, exist_ok=True)
    hidden = under_way.with_name(f".{under_way.name}")
    hidden.write_bytes(msgspec.json.encode(run))
    hidden.replace(under_way)
    return found


def record(settings: Settings, run: Run) -> None:
    """Makes the run known. Durable when it returns; raises OSError where the disk refuses."""
    platform_landing.append(settings, SOURCE, pa.Table.from_pylist([_row(run)], RUNS))
    _under_way(settings).unlink(missing_ok=True)


def runs(settings: Settings) -> list[Run]:
    """All runs, the newest first."""
    rows = platform_rows.rows(settings, PLATFORM_RUNS, lambda: _stored(settings))
    found = {row["run_id"]: msgspec.convert(row, Run) for row in rows}
    return sorted(found.values(), key=lambda run: run.started_at, reverse=True)


def _under_way(settings: Settings) -> Path:
    return run_folder(settings) / "batch-run.json"


def _read(under_way: Path) -> Run | None:
    try:
        return msgspec.json.decode(under_way.read_bytes(), type=Run)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        # The machine went down before it was on disk: it must not keep all later runs from beginning.
        log.warning("%s names no run: %s", under_way, error)
        return None


def _stored(settings: Settings) -> list[Path]:
    try:
        return tables.data_files(settings, TABLE)
    except NotFound:
        return []


def _row(run: Run) -> dict[str, Any]:
    return {name: getattr(run, name) for name in RUNS.names}
