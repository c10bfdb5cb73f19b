"""Checkpoints that a table's log can do without.

A checkpoint holds a tombstone of every file that was replaced within the table's time travel, so at a fast
cadence all of them together are most of a log. The commits between two checkpoints stay: every version can
still be read, an old one by following more commits.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from lakehouse.storage.delta_log import LOG_FOLDER

NEWEST = 2
"""So many are always kept …"""
RECENT = timedelta(days=1)
RECENT_STEP = timedelta(hours=6)
"""… of those of the last day one in so long a time …"""
OLDER_STEP = timedelta(days=3)
"""… and of older ones one in so long a time."""

_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint(\.\d{10}\.\d{10})?\.parquet")
_COMMIT = re.compile(r"(\d{20})\.json")

log = logging.getLogger(__name__)


def kept_at_most(days: float) -> int:
    """How many checkpoints stay of a log that reaches back so many days."""
    older = max(timedelta(days=days) - RECENT, timedelta())
    return NEWEST + RECENT // RECENT_STEP + int(older / OLDER_STEP) + 2


def superfluous(path: Path, now: datetime) -> list[Path]:
    """Files of checkpoints that no version needs, the oldest first. Reads names and times only."""
    files: dict[int, list[Path]] = {}
    commits: set[int] = set()
    for file in (path / LOG_FOLDER).iterdir():
        if named := _CHECKPOINT.fullmatch(file.name):
            files.setdefault(int(named[1]), []).append(file)
        elif named := _COMMIT.fullmatch(file.name):
            commits.add(int(named[1]))
    # What the log's own clean-up has begun to remove, or begins with, is not ours.
    first = min(commits, default=0)
    usable = sorted(version for version in files if version >= first - 1)
    if not set(range(first, max(commits, default=0) + 1)) <= commits:
        return []
    dropped = set(_dropped(usable, {version: files[version][0].stat().st_mtime for version in usable}, now))
    return [file for version in sorted(dropped) for file in sorted(files[version])]


def thin(path: Path, now: datetime) -> int:
    """Removes them; returns how many files."""
    found = superfluous(path, now)
    for file in found:
        file.unlink(missing_ok=True)
    if found:
        log.info("thinned checkpoints", extra={"table": path.name, "files": len(found)})
    return len(found)


def _dropped(versions: list[int], times: dict[int, float], now: datetime) -> Iterator[int]:
    """All but the first, the newest ones, and the first in each span of time."""
    seen: set[tuple[float, int]] = set()
    for version in versions[: max(len(versions) - NEWEST, 0)]:
        age = now.timestamp() - times[version]
        step = (RECENT_STEP if age < RECENT.total_seconds() else OLDER_STEP).total_seconds()
        span = (step, int(times[version] // step))
        if version == versions[0] or span not in seen:
            seen.add(span)
        else:
            yield version
