"""Storage: bytes and files by layer, of landing and outputs, growth, and how long the disk lasts.

Tables are sized by their snapshots. Landing and outputs have no list of their files and are walked, now and
then: a day at the finest cadence leaves some 170,000 files.
"""

from __future__ import annotations

import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from contracts.layout import LAYERS
from contracts.settings import Settings
from lakehouse.alerts.rules import Finding, finding
from lakehouse.health.memory import GROWTH_SECONDS, Memory
from lakehouse.health.report import Disk, Place, Storage, TableReport

DiskUsage = Callable[[Path], Disk]
"""Raises OSError."""

LARGEST_SHARE = 0.01
"""Of the time that walking may take: a slow walk is made more rarely."""
SURE_OF_GROWTH_SECONDS = GROWTH_SECONDS / 4
"""Nobody is told that the disk fills up by what has been seen for a shorter time."""


def disk_usage(path: Path) -> Disk:
    """The file system that holds ``path``. Raises OSError."""
    usage = shutil.disk_usage(path)
    return Disk(total=usage.total, free=usage.free)


def walk(settings: Settings, now: datetime) -> tuple[list[Place], float]:
    """Landing and outputs, and the seconds that counting took."""
    started = time.perf_counter()
    limit = settings.health.small_file_mb * 2**20
    places = [
        _counted("landing", settings.data_root / "landing", limit, now),
        _counted("outputs", settings.outputs_root, limit, now),
    ]
    return places, time.perf_counter() - started


def walk_is_due(settings: Settings, memory: Memory, now: float) -> bool:
    pause = max(settings.health.walk_seconds, memory.walk_seconds / LARGEST_SHARE)
    return now - memory.walked_at >= pause


def storage(settings: Settings, tables: Sequence[TableReport], memory: Memory, disk: Disk | None) -> Storage:
    """By layer, landing and outputs; growth as far as the monitor has seen it."""
    places = [_layer(layer, tables) for layer in LAYERS] + memory.walked
    growth = memory.growth()
    days = disk.free / growth if disk is not None and growth is not None and growth > 0 else None
    return Storage(
        places=places,
        growth_bytes_per_day=None if growth is None else round(growth),
        days_until_full=None if days is None else round(days, 2),
        notes=list(_notes(settings)),
    )


def disk_findings(settings: Settings, disk: Disk | None, kept: Storage, memory: Memory) -> Iterator[Finding]:
    """What is wrong with the disk of the data root; None: it cannot be read."""
    limits = settings.health
    if disk is None:
        yield finding("disk_full", "data", f"the data root {settings.data_root} is away")
    elif disk.free < limits.disk_free_mb * 2**20:
        yield finding("disk_full", "data", f"the disk is full: {disk.free / 2**20:,.0f} MiB free")
    elif disk.free < disk.total * limits.disk_free_share:
        share = disk.free / disk.total
        says = f"little disk left: {disk.free / 2**30:.1f} GiB free, {share:.1%} of it"
        yield finding("disk_low", "data", says)
    elif (
        kept.days_until_full is not None
        and kept.days_until_full < limits.disk_days
        and memory.sizes[-1][0] - memory.sizes[0][0] >= SURE_OF_GROWTH_SECONDS
    ):
        growth = (kept.growth_bytes_per_day or 0) / 2**30
        yield finding(
            "disk_low",
            "data",
            f"the disk is full in {kept.days_until_full:.1f} days: {disk.free / 2**30:.1f} GiB free, "
            f"{growth:.1f} GiB more a day",
        )


def _layer(layer: str, tables: Iterable[TableReport]) -> Place:
    place = Place(name=layer)
    for table in tables:
        if table.layer == layer:
            place.bytes += table.bytes or 0
            place.files += table.files or 0
            place.small_files += table.small_files or 0
    return place


def _counted(name: str, root: Path, limit: int, now: datetime) -> Place:
    place = Place(name=name, at=now)
    folders = deque([str(root)])
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                        continue
                    size = entry.stat(follow_symlinks=False).st_size
                    place.bytes += size
                    place.files += 1
                    place.small_files += size < limit
        except (FileNotFoundError, NotADirectoryError):
            continue  # cleaned up meanwhile, or not there yet
    return place


def _notes(settings: Settings) -> Iterator[str]:
    archive = settings.archive_root
    try:
        if archive.exists() and archive.stat().st_dev == settings.data_root.stat().st_dev:
            yield f"the archive {archive} lies on the disk of the data: it does not outlive that disk"
    except OSError:
        return
