"""What a Delta table holds at its newest version: files, schema, rows, newest event. For readers.

A snapshot is kept and asked for again with one look for the next commit's file, so that readers see a commit
at once and pay for the log only when it has grown.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from time import monotonic
from time import time as time_now

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from contracts.errors import BrokenTable, DependencyError, NotFound
from contracts.layout import table_path
from contracts.settings import Settings
from lakehouse.datasets import Dataset
from lakehouse.reading.snapshot import Snapshot, snapshot_of
from lakehouse.storage import delta_log
from lakehouse.storage.versions import version_at

RELOAD_SECONDS = 300.0
"""A snapshot is checked against the log's newest checkpoint this often: a log that was cleaned up has no next
commit to find."""
EMPTY_LOG_SECONDS = 60.0
"""A writer makes the log's folder before its first commit: one that stays empty for longer is damage."""
_TRIES = 3
"""A table may be replaced while it is loaded."""

_LONGEST = 160


class _Kept:
    """A loaded table, and what tells whether it is still the newest."""

    def __init__(self, table: DeltaTable, snapshot: Snapshot) -> None:
        self.table = table
        self.snapshot = snapshot
        self.version = int(table.version())
        self.checked_at = monotonic()
        self.log = snapshot.path / delta_log.LOG_FOLDER
        self.commit = delta_log.commit_file(snapshot.path, self.version)
        self.next_commit = delta_log.commit_file(snapshot.path, self.version + 1)
        self.mark = self.marked()

    def marked(self) -> tuple[int, ...]:
        """What the table has as long as it is not made anew: its newest commit's file; where the log was
        cleaned up, the log's folder. Not the folder in any case: a new one often gets the inode of the old.

        Raises FileNotFoundError where there is no log.
        """
        try:
            commit = self.commit.stat()
        except FileNotFoundError:
            return (self.log.stat().st_ino,)
        return commit.st_ino, commit.st_mtime_ns, commit.st_size


class Snapshots:
    """The newest snapshot of each table. Safe for several threads."""

    def __init__(self, settings: Settings, datasets: Mapping[str, Dataset]) -> None:
        self._settings = settings
        self._datasets = datasets
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()
        self._root: tuple[int, int] | None = None

    def get(self, name: str) -> Snapshot | None:
        """The table's newest snapshot; None where it has not been created yet. ``name`` is a declared one.

        Raises BrokenTable where its log cannot be read, DependencyError where the data root has gone.
        """
        dataset = self._datasets[name]
        path = table_path(self._settings, dataset.layer, name)
        with self._lock:
            try:
                kept = self._newest(self._kept.get(name), dataset, path)
            except FileNotFoundError:
                self.check_root(had_it=name in self._kept)
                kept = None
            if kept is None:
                self._kept.pop(name, None)
                return None
            self._kept[name] = kept
            return kept.snapshot

    def _newest(self, kept: _Kept | None, dataset: Dataset, path: Path) -> _Kept | None:
        """Raises FileNotFoundError where there is no log."""
        for left in reversed(range(_TRIES)):
            try:
                if kept is None or kept.marked() != kept.mark:
                    return self._load(dataset, path, known=kept is not None or left < _TRIES - 1)
                if kept.next_commit.exists() or monotonic() - kept.checked_at > RELOAD_SECONDS:
                    return self._refresh(kept, dataset, path)
                return kept
            except (DeltaError, OSError, ValueError) as error:
                if not (path / delta_log.LOG_FOLDER).exists():
                    raise FileNotFoundError from error
                if not left:
                    raise BrokenTable(dataset.name, _told(error, path)) from error
                kept = None
        return None

    def check_root(self, *, had_it: bool) -> None:
        """For a table that is missing (``had_it``: and was there): raises DependencyError where it has not
        been dropped, but the data root been taken away, or another put in its place (a disk that is not
        mounted)."""
        root = self._identity()
        if self._root is None:
            self._root = root
        elif root is None:
            raise DependencyError("the data root cannot be read")
        elif root != self._root and had_it:
            raise DependencyError("the data root is another folder than it was")

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = self._settings.data_root.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def unchanged(self, name: str) -> Snapshot | None:
        """The kept snapshot, where two looks at the log say that it is the newest; None: ask ``get``.

        Never waits, so that an event loop may call it.
        """
        if not self._lock.acquire(blocking=False):
            return None
        try:
            kept = self._kept.get(name)
            if kept is None or monotonic() - kept.checked_at > RELOAD_SECONDS:
                return None
            try:
                same = kept.marked() == kept.mark
            except OSError:
                return None
            return kept.snapshot if same and not kept.next_commit.exists() else None
        finally:
            self._lock.release()

    def at(self, name: str, *, version: int | None = None, time: datetime | None = None) -> Snapshot:
        """The table's snapshot of a version, or of the version that it had at a time (UTC).

        Raises NotFound where there is no such version, no longer or not yet, or its files have been removed.
        """
        dataset = self._datasets[name]
        path = table_path(self._settings, dataset.layer, name)
        self.get(name)  # a table that is damaged, or gone with the data root, is said to be so
        if version is None:
            assert time is not None
            version = version_at(path, time)
        newest = delta_log.latest_version(path)
        try:
            if version > newest:
                raise TableNotFoundError
            snapshot = snapshot_of(DeltaTable(str(path), version=version), dataset, path)
        except (TableNotFoundError, DeltaError, OSError, ValueError) as error:
            known = f"its newest is {newest}" if newest >= 0 else "it has not been written yet"
            raise NotFound(f"table {name} has no version {version}: {known}") from error
        gone = next((file.path for file in snapshot.files if not Path(file.path).exists()), None)
        if gone is not None:
            raise NotFound(
                f"version {version} of {name} can no longer be read: files of it have been removed"
            )
        return snapshot

    def _load(self, dataset: Dataset, path: Path, *, known: bool) -> _Kept | None:
        log = path / delta_log.LOG_FOLDER
        before = log.stat()
        for _ in range(_TRIES):
            try:
                table = DeltaTable(str(path))
            except TableNotFoundError:
                if known or time_now() - before.st_mtime > EMPTY_LOG_SECONDS:
                    raise
                return None
            kept = _Kept(table, snapshot_of(table, dataset, path))
            # Made anew meanwhile, its mark would be the new table's.
            before, now = log.stat(), before
            if (before.st_ino, before.st_ctime_ns) == (now.st_ino, now.st_ctime_ns):
                break
        self._root = self._identity()
        return kept

    def _refresh(self, kept: _Kept, dataset: Dataset, path: Path) -> _Kept | None:
        try:
            kept.table.update_incremental()
        except DeltaError:
            return self._load(dataset, path, known=True)
        if kept.marked() != kept.mark:  # made anew meanwhile: what was read is of both
            return self._load(dataset, path, known=True)
        if kept.table.version() == kept.version:
            kept.checked_at = monotonic()
            return kept
        return _Kept(kept.table, snapshot_of(kept.table, dataset, path))


def _told(error: Exception, path: Path) -> str:
    """The first line of an error, without our folders and what deltalake adds of its own insides."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    told = lines[0].replace(str(path), path.name)
    return f"its log: {told[:_LONGEST]}"
