"""Which version a table had at a time, by its log."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from contracts.errors import NotFound
from lakehouse.storage import delta_log


def version_at(path: Path, at: datetime) -> int:
    """The newest version that was committed at or before ``at`` (UTC).

    Looks at the commits from the newest back, by halves: their times rise. Raises NotFound where the table
    did not exist then, or its log no longer reaches back so far.
    """
    newest = delta_log.latest_version(path)
    oldest = oldest_version(path)
    if newest < 0 or oldest is None:
        raise NotFound(f"{path.name} has not been written yet")
    stamp = at.timestamp() * 1000
    low, high = oldest, newest
    if _committed(path, low) > stamp:
        raise NotFound(
            f"{path.name} has no version of {at.isoformat()}: "
            + ("it was made later" if oldest == 0 else "its log no longer reaches back so far")
        )
    while low < high:
        middle = (low + high + 1) // 2
        if _committed(path, middle) <= stamp:
            low = middle
        else:
            high = middle - 1
    return low


def oldest_version(path: Path) -> int | None:
    """The oldest version that can still be read: of a log that was cleaned, that of the oldest checkpoint.

    None where there is no table. Lists the log.
    """
    log = path / delta_log.LOG_FOLDER
    commits, checkpoints = set(), set()
    try:
        names = [child.name for child in log.iterdir()]
    except FileNotFoundError:
        return None
    for name in names:
        version = name.partition(".")[0]
        if not version.isdecimal():
            continue
        if name.endswith(".json"):
            commits.add(int(version))
        elif ".checkpoint" in name:
            checkpoints.add(int(version))
    if 0 in commits:
        return 0
    return min((version for version in checkpoints if version in commits), default=None)


def _committed(path: Path, version: int) -> float:
    """Milliseconds since 1970, UTC."""
    commit = delta_log.read_commit(path, version)
    stamp = commit.info.get("timestamp") if commit else None
    if isinstance(stamp, int):
        return float(stamp)
    try:
        return delta_log.commit_file(path, version).stat().st_mtime * 1000
    except FileNotFoundError:
        raise NotFound(f"{path.name} has no version {version} any more") from None
