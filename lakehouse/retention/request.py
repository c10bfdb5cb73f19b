"""`dp lakehouse retention`: what is past its retention, of tables, views and landing, shown or removed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime

from msgspec import Struct

from contracts.settings import Settings
from lakehouse.datasets import DATASETS, dataset
from lakehouse.maintenance import landing
from lakehouse.medallion.bronze import BronzeTable
from lakehouse.medallion.chains import discover
from lakehouse.retention import removal, view_days
from lakehouse.retention.plan import plan
from lakehouse.storage import tables
from lakehouse.storage.delta_log import latest_version


class Removed(Struct, frozen=True, kw_only=True):
    """One part that has been removed, or would be."""

    place: str
    rows: int = 0
    bytes: int = 0
    message: str = ""
    is_kept: bool = False


def of_table(
    settings: Settings, name: str, now: datetime, *, dry_run: bool, forget: Callable[[str], None]
) -> Iterator[Removed]:
    """The partitions of a table; ``forget`` is told its name when it has been written to."""
    declared = dataset(name)
    if latest_version(tables.path_of(settings, declared)) < 0:
        return
    planned = plan(settings, declared, now)
    if not dry_run and removal.remove(settings, declared, planned):
        forget(name)
    for piece in planned.pieces:
        files = f"{len(piece.files)} files" + (f", parts of {len(piece.cut)}" if piece.cut else "")
        yield Removed(
            place=f"{name} {piece.partition}",
            rows=0 if piece.kept else piece.rows,
            bytes=0 if piece.kept else piece.bytes,
            message=f"{files}, {piece.rows:,} rows, {piece.bytes / 1e6:,.1f} MB"
            + (f", kept: {piece.kept}" if piece.kept else ""),
            is_kept=bool(piece.kept),
        )
    if planned.kept_from is None:
        yield Removed(place=name, message="kept for good", is_kept=True)
    else:
        yield Removed(
            place=name,
            message=f"kept from {planned.kept_from} on, oldest: {planned.oldest_kept or 'nothing'}",
            is_kept=True,
        )


def of_views(settings: Settings, now: datetime, *, dry_run: bool) -> Iterator[Removed]:
    """Days of the stream's views."""
    for gone in view_days.past(settings, now):
        if not dry_run:
            view_days.remove(settings, gone)
        yield Removed(
            place=f"{gone.view} {gone.day}",
            bytes=gone.bytes,
            message=f"{gone.files} files, {gone.bytes / 1e6:,.1f} MB",
        )


def of_landing(settings: Settings, table: BronzeTable, *, dry_run: bool) -> Iterator[Removed]:
    """Landing files that the table has taken in."""
    if dry_run:
        older_than = time.time() - settings.lakehouse.landing_retention_hours * 3600
        count = sum(
            len(list(landing.removable(folder, table.positions.get(chain, -1), table.gaps, older_than)))
            for chain, folder in discover(settings, table.source).items()
        )
    else:
        count = landing.clean(settings, table)
    if count:
        yield Removed(place=f"landing of {table.source.name}", message=f"{count} files")


def names_with_retention() -> list[str]:
    """The tables that are not kept for good."""
    return [name for name, declared in DATASETS.items() if declared.retention is not None]
