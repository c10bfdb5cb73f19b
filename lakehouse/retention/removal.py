"""Removes what a plan says: one commit a table, which is no news to whoever follows it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

from contracts.settings import Settings
from lakehouse.archive.holding import pin
from lakehouse.datasets import Dataset
from lakehouse.retention.plan import Plan
from lakehouse.storage import commits, delta_commit, tables
from lakehouse.storage.lock import archive_lock
from lakehouse.storage.retained import retain_from

log = logging.getLogger(__name__)


def remove(settings: Settings, declared: Dataset, planned: Plan) -> bool:
    """For the one writer of tables; whether there was something. The files themselves stay until the vacuum
    that ends the table's time travel.

    Raises ConflictError where archives are at work that have to hold what goes: the next day will do.
    """
    going = planned.going
    if not going or planned.kept_from is None:
        return False
    path = tables.path_of(settings, declared)
    needed = sorted({name for piece in going for name in piece.archives})
    if needed:
        with archive_lock(settings):
            for name in needed:
                pin(settings, name, declared.name, [p.partition for p in going if name in p.archives])
    # First it is said, so that nobody ever takes what is missing for never been.
    retain_from(path, planned.kept_from)
    first = datetime.combine(planned.kept_from, time(), UTC)
    adds = [
        added
        for piece in going
        for file in piece.cut
        if (added := _without_old_rows(path, declared, file, piece.partition, first)) is not None
    ]
    handle = DeltaTable(str(path))
    delta_commit.commit(
        handle,
        path,
        adds=adds,
        removes=[str(file) for piece in going for file in (*piece.files, *piece.cut)],
        metadata=commits.standing(
            path, handle.version(), **{commits.RETAINED: planned.kept_from.isoformat()}
        ),
        operation="DELETE",
    )
    log.info(
        "removed rows past their retention",
        extra={"table": declared.name, "rows": sum(p.rows for p in going), "before": str(planned.kept_from)},
    )
    return True


def _without_old_rows(
    path: Path, declared: Dataset, file: Path, partition: str, first: datetime
) -> delta_commit.FileAction | None:
    rows = pq.ParquetFile(file).read()
    times = rows[declared.until or declared.time]
    rows = rows.filter(pc.fill_null(pc.greater_equal(times, pa.scalar(first, times.type)), True))
    if not rows.num_rows:
        return None
    return delta_commit.write_file(path, declared, rows, partition or None)
