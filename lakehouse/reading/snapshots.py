"""What a Delta table holds at its newest version: files, schema, rows, newest event. For readers.

A snapshot is kept and asked for again with one look for the next commit's file, so that readers see a commit
at once and pay for the log only when it has grown.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError
from msgspec import Struct

from contracts.errors import NotFound
from contracts.layout import table_path
from contracts.settings import Settings
from lakehouse.datasets import Dataset, ReplaceHours
from lakehouse.storage import delta_log
from lakehouse.storage.versions import version_at

RELOAD_SECONDS = 300.0
"""A snapshot is checked against the log's newest checkpoint this often: a log that was cleaned up has no next
commit to find."""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class DataFile(Struct, frozen=True):
    """One Parquet file of a table."""

    path: str
    """Absolute."""
    size: int
    rows: int | None
    """None: the writer left no statistics."""
    added_at: datetime
    newest: datetime | None
    """Largest event time in it, by its statistics; of a table by hours the beginning of its newest hour."""


class Snapshot(Struct, frozen=True, kw_only=True):
    """A table at one version."""

    name: str
    path: Path
    version: int | None
    """None: it has no versions (layer `stream`)."""
    schema: pa.Schema
    """Of the table as it was written; partition columns included."""
    partition: tuple[str, ...]
    files: tuple[DataFile, ...]
    updated_at: datetime
    """Time of the version's commit, UTC."""
    properties: Mapping[str, str] = {}
    """Delta table properties."""
    rule: Callable[[str], str] | None = None
    """How its files are read, as SQL over a relation of all their rows; None: as they are."""

    @property
    def rows(self) -> int | None:
        counts = [file.rows for file in self.files if file.rows is not None]
        return sum(counts) if len(counts) == len(self.files) else None

    @property
    def bytes(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def token(self) -> tuple[object, ...]:
        """Equal for two snapshots of the table that hold the same rows."""
        if self.version is not None:
            return (self.version, self.updated_at, len(self.files))
        return (hash(tuple(file.path for file in self.files)), self.updated_at, len(self.files))

    @property
    def newest(self) -> datetime | None:
        """Newest event time, by the files' statistics."""
        return max((file.newest for file in self.files if file.newest), default=None)


class _Kept:
    """A loaded table, and what tells whether it is still the newest."""

    def __init__(self, table: DeltaTable, snapshot: Snapshot, log_inode: int) -> None:
        self.table = table
        self.snapshot = snapshot
        self.version = int(table.version())
        self.log_inode = log_inode
        self.checked_at = monotonic()
        self.log = snapshot.path / delta_log.LOG_FOLDER
        self.next_commit = delta_log.commit_file(snapshot.path, self.version + 1)


class Snapshots:
    """The newest snapshot of each table. Safe for several threads."""

    def __init__(self, settings: Settings, datasets: Mapping[str, Dataset]) -> None:
        self._settings = settings
        self._datasets = datasets
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> Snapshot | None:
        """The table's newest snapshot; None where it has not been created yet. ``name`` is a declared one."""
        dataset = self._datasets[name]
        path = table_path(self._settings, dataset.layer, name)
        with self._lock:
            try:
                inode = (path / delta_log.LOG_FOLDER).stat().st_ino
            except FileNotFoundError:
                self._kept.pop(name, None)
                return None
            kept = self._kept.get(name)
            if kept is None or kept.log_inode != inode:
                kept = self._load(dataset, path, inode)
            elif delta_log.commit_file(path, kept.version + 1).exists() or (
                monotonic() - kept.checked_at > RELOAD_SECONDS
            ):
                kept = self._refresh(kept, dataset, path, inode)
            if kept is None:
                return None
            self._kept[name] = kept
            return kept.snapshot

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
                same = kept.log.stat().st_ino == kept.log_inode
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
        if version is None:
            assert time is not None
            version = version_at(path, time)
        newest = delta_log.latest_version(path)
        try:
            if version > newest:
                raise TableNotFoundError
            snapshot = _snapshot(DeltaTable(str(path), version=version), dataset, path)
        except (TableNotFoundError, DeltaError) as error:
            known = f"its newest is {newest}" if newest >= 0 else "it has not been written yet"
            raise NotFound(f"table {name} has no version {version}: {known}") from error
        gone = next((file.path for file in snapshot.files if not Path(file.path).exists()), None)
        if gone is not None:
            raise NotFound(
                f"version {version} of {name} can no longer be read: files of it have been removed"
            )
        return snapshot

    def _load(self, dataset: Dataset, path: Path, inode: int) -> _Kept | None:
        try:
            table = DeltaTable(str(path))
        except TableNotFoundError:
            return None
        return _Kept(table, _snapshot(table, dataset, path), inode)

    def _refresh(self, kept: _Kept, dataset: Dataset, path: Path, inode: int) -> _Kept | None:
        try:
            kept.table.update_incremental()
        except DeltaError:
            return self._load(dataset, path, inode)
        if kept.table.version() == kept.version:
            kept.checked_at = monotonic()
            return kept
        return _Kept(kept.table, _snapshot(kept.table, dataset, path), inode)


def newest_files(snapshot: Snapshot, rows: int, most: int) -> Sequence[DataFile]:
    """The files added last, enough for ``rows`` rows, ``most`` at most."""
    chosen: list[DataFile] = []
    held = 0
    for file in sorted(snapshot.files, key=lambda file: file.added_at, reverse=True):
        if held >= rows or len(chosen) == most:
            break
        chosen.append(file)
        held += file.rows or 0
    return chosen


def _snapshot(table: DeltaTable, dataset: Dataset, path: Path) -> Snapshot:
    # Not pa.table(): it loads pandas, and so do timestamps on their way to Python; 50 MB for nothing.
    actions = pa.RecordBatchReader.from_stream(table.get_add_actions(flatten=True)).read_all()
    columns: dict[str, list[Any]] = {
        name: actions.column(name).to_pylist()
        for name in ("path", "size_bytes", "modification_time", "num_records")
    }
    newest = _newest(dataset, actions)
    files = tuple(
        DataFile(
            path=str(path / unquote(relative)),
            size=size,
            rows=rows,
            added_at=datetime.fromtimestamp(added / 1000, UTC),
            newest=latest,
        )
        for relative, size, added, rows, latest in zip(
            columns["path"],
            columns["size_bytes"],
            columns["modification_time"],
            columns["num_records"],
            newest,
            strict=True,
        )
    )
    version = int(table.version())
    metadata = table.metadata()
    return Snapshot(
        name=dataset.name,
        path=path,
        version=version,
        schema=pa.schema(table.schema().to_arrow()),
        partition=tuple(metadata.partition_columns),
        properties={str(key): str(value) for key, value in metadata.configuration.items()},
        files=files,
        updated_at=_commit_time(path, version),
    )


def _newest(dataset: Dataset, actions: pa.Table) -> list[datetime | None]:
    """The largest event time in each file; of a table by hours the beginning of its newest hour."""

    def values(column: str) -> list[Any]:
        if column in actions.column_names:
            return list(actions.column(column).to_pylist())
        return [None] * actions.num_rows

    if dataset.time:
        return _moments(actions, f"max.{dataset.time}")
    if not isinstance(dataset.build, ReplaceHours):
        return [None] * actions.num_rows
    day_column, hour_column = dataset.build.hour
    kind = "partition" if day_column == dataset.partition else "max"
    return [
        datetime.combine(day, time(int(hour)), UTC) if isinstance(day, date) and hour is not None else None
        for day, hour in zip(values(f"{kind}.{day_column}"), values(f"max.{hour_column}"), strict=True)
    ]


def _moments(actions: pa.Table, column: str) -> list[datetime | None]:
    if column not in actions.column_names or not pa.types.is_timestamp(actions.schema.field(column).type):
        return [None] * actions.num_rows
    microseconds = actions.column(column).cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    return [
        None if since is None else _EPOCH + timedelta(microseconds=since)
        for since in microseconds.to_pylist()
    ]


def _commit_time(path: Path, version: int) -> datetime:
    try:
        seconds = delta_log.commit_file(path, version).stat().st_mtime
    except FileNotFoundError:
        seconds = (path / delta_log.LOG_FOLDER).stat().st_mtime
    return datetime.fromtimestamp(seconds, UTC)
