"""Small files of Delta tables: which partitions are due, and how they are compacted, ordered and vacuumed.

All of it by deltalake, under either engine, in the driver's own thread: it never writes beside a round. A
commit of it changes no row, so it repeats the position of the last one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable
from msgspec import Struct

from lakehouse.datasets import Dataset
from lakehouse.storage import commits

TARGET_BYTES = 64 * 1024**2
"""Files are made about so large. Larger ones prune worse, smaller ones are too many."""
SMALL_BYTES = TARGET_BYTES // 4
SMALL_FILES = 48
"""A partition with so many small files is compacted, closed or not: what bounds a table's files."""
LATE_FILES = 8
"""The same for a closed partition, which only late rows add to."""
SETTLE = timedelta(hours=1)
"""A day is closed for good so long after midnight UTC: its files are then ordered once."""
Z_ORDER_BYTES = 1024**3
"""A larger partition is compacted but not ordered: deltalake orders it in memory."""

log = logging.getLogger(__name__)


class Work(Struct, frozen=True, kw_only=True):
    """One partition that is due."""

    table: str
    partition: str | None
    """Value of the partition column; None: the table has none."""
    how: str
    """`compact` or `z-order`."""
    files: int
    bytes: int


class Outcome(Struct, frozen=True, kw_only=True):
    """What was done to one partition."""

    table: str
    partition: str | None
    how: str
    files_before: int
    files_after: int
    seconds: float


class _File(Struct, frozen=True):
    partition: str | None
    size: int
    added_at: datetime


def due(path: Path, declared: Dataset, now: datetime, *, everything: bool = False) -> list[Work]:
    """The partitions that should be rewritten. ``everything``: all that would have fewer files, or have not
    been ordered since they were closed. Reads the table's log only."""
    table = DeltaTable(str(path))
    groups: dict[str | None, list[_File]] = {}
    for file in _files(table, declared):
        groups.setdefault(file.partition, []).append(file)
    found = []
    for partition in sorted(groups, key=lambda value: value or ""):
        files = groups[partition]
        how = _how(declared, partition, files, now, everything=everything)
        if how:
            size = sum(file.size for file in files)
            work = Work(table=declared.name, partition=partition, how=how, files=len(files), bytes=size)
            found.append(work)
    return found


def rewrite(path: Path, declared: Dataset, work: Work) -> Outcome:
    """Rewrites one partition, in one commit that changes no row."""
    started = time.perf_counter()
    table = DeltaTable(str(path))
    filters = None if work.partition is None else [(declared.partition, "=", work.partition)]
    arguments: dict[str, Any] = {
        "partition_filters": filters,
        "target_size": TARGET_BYTES,
        "max_concurrent_tasks": 1,
        "commit_properties": commits.changing_nothing(path, table.version()),
    }
    if work.how == "z-order":
        metrics = table.optimize.z_order(declared.z_order, **arguments)
    else:
        metrics = table.optimize.compact(**arguments)
    removed, added = int(metrics["numFilesRemoved"]), int(metrics["numFilesAdded"])
    outcome = Outcome(
        table=work.table,
        partition=work.partition,
        how=work.how,
        files_before=work.files,
        files_after=work.files - removed + added,
        seconds=round(time.perf_counter() - started, 3),
    )
    log.info(
        "rewrote a partition",
        extra={name: getattr(outcome, name) for name in outcome.__struct_fields__},
    )
    return outcome


def vacuum(path: Path, declared: Dataset, *, dry_run: bool) -> list[str]:
    """Removes data files that no version within the table's time travel needs, also those of writers that
    died; returns their paths. ``dry_run`` only names them."""
    table = DeltaTable(str(path))
    hours = declared.time_travel // timedelta(hours=1)
    removed = table.vacuum(
        retention_hours=hours,
        dry_run=dry_run,
        full=True,
        commit_properties=commits.changing_nothing(path, table.version()),
    )
    if removed and not dry_run:
        log.info("vacuumed", extra={"table": declared.name, "files": len(removed)})
    return list(removed)


def _how(
    declared: Dataset, partition: str | None, files: list[_File], now: datetime, *, everything: bool
) -> str:
    small = sum(file.size < SMALL_BYTES for file in files)
    closed_at = _closed_at(partition)
    closed = closed_at is not None and now >= closed_at
    size = sum(file.size for file in files)
    unordered = closed and any(file.added_at < closed_at for file in files) if closed_at else False
    if unordered and declared.z_order and size <= Z_ORDER_BYTES:
        # A single file that was written in one go is as good as ordered.
        return "z-order" if len(files) > 1 or everything else ""
    if closed and small >= (2 if unordered or everything else LATE_FILES):
        return "z-order" if declared.z_order and size <= Z_ORDER_BYTES else "compact"
    return "compact" if small >= (2 if everything else SMALL_FILES) else ""


def _closed_at(partition: str | None) -> datetime | None:
    """When the partition was closed for good; None: it is no day."""
    try:
        day = date.fromisoformat(partition or "")
    except ValueError:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1) + SETTLE


def _files(table: DeltaTable, declared: Dataset) -> Iterable[_File]:
    actions = pa.RecordBatchReader.from_stream(table.get_add_actions(flatten=True)).read_all()
    column = f"partition.{declared.partition}"
    partitions: list[Any] = [None] * actions.num_rows
    if column in actions.column_names:
        partitions = actions.column(column).to_pylist()
    for partition, size, added in zip(
        partitions,
        actions.column("size_bytes").to_pylist(),
        actions.column("modification_time").to_pylist(),
        strict=True,
    ):
        text = None if partition is None else str(partition)
        yield _File(text, size, datetime.fromtimestamp(added / 1000, UTC))
