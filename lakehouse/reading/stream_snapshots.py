"""What the stream's outputs hold now: their files, found by listing only the folders that have changed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from contracts.errors import DependencyError, NotFound
from contracts.landing import LANDING
from contracts.layout import chains_root, view_folder
from contracts.settings import Settings
from contracts.sources import CDC_CHANGES
from lakehouse.datasets import Dataset
from lakehouse.reading.damage import Damage
from lakehouse.reading.snapshot import DataFile, Snapshot
from lakehouse.reading.snapshots import Snapshots
from lakehouse.reading.view_files import VIEWS

NEWEST_FILES = 8
"""The newest event is looked for in the files that were added last, so many of them."""
_SETTLED_NS = 1_000_000_000
"""A folder's time of change is trusted once it is older than this at the listing: clocks of file systems
are coarse."""
_TOPIC = pa.field("topic_id", pa.string(), nullable=False)


class _Listing(Struct):
    changed_ns: int
    listed_ns: int
    files: dict[str, DataFile]


class StreamSnapshots:
    """Snapshots of the stream's outputs, which have no versions. Not safe for several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._listings: dict[str, _Listing] = {}
        self._newest: dict[str, datetime | None] = {}

    def get(self, dataset: Dataset) -> Snapshot | None:
        """The files of an output as they are now; None where it has none."""
        root = stream_folder(self._settings, dataset.name)
        files: list[DataFile] = []
        for folder in _folders(root):
            files += self._listed(folder)
        if not files:
            return None
        files.sort(key=lambda file: file.added_at)
        latest = files[-NEWEST_FILES:]
        files[-NEWEST_FILES:] = [self._with_newest(file, dataset.time) for file in latest]
        view = VIEWS.get(dataset.name)
        return Snapshot(
            name=dataset.name,
            path=root,
            version=None,
            schema=pa.schema([*view.schema, _TOPIC]) if view else LANDING[CDC_CHANGES.name],
            partition=("topic_id",) if view else (),
            files=tuple(files),
            updated_at=files[-1].added_at,
            rule=view.query if view else None,
        )

    def _listed(self, folder: str) -> Iterator[DataFile]:
        try:
            changed = Path(folder).stat().st_mtime_ns
            known = self._listings.get(folder)
            if (
                known is None
                or known.changed_ns != changed
                or known.listed_ns - known.changed_ns < _SETTLED_NS
            ):
                known = _Listing(changed, time.time_ns(), _list(folder, known.files if known else {}))
                self._listings[folder] = known
        except FileNotFoundError:
            self._listings.pop(folder, None)
            return
        yield from known.files.values()

    def _with_newest(self, file: DataFile, column: str) -> DataFile:
        if file.path not in self._newest:
            if len(self._newest) > 100 * NEWEST_FILES:
                self._newest.clear()
            self._newest[file.path] = _newest_in(file.path, column)
        return DataFile(file.path, file.size, file.rows, file.added_at, self._newest[file.path])


def stream_folder(settings: Settings, name: str) -> Path:
    """Folder of an output of the stream."""
    return view_folder(settings, name) if name in VIEWS else chains_root(settings, CDC_CHANGES)


def _folders(root: Path) -> Iterator[str]:
    """The folders that hold files: two levels of `column=value` below the root."""
    for outer in _children(str(root)):
        yield from _children(outer)


def _children(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.path for entry in entries if "=" in entry.name and entry.is_dir())
    except FileNotFoundError:
        return []


def _list(folder: str, known: dict[str, DataFile]) -> dict[str, DataFile]:
    found: dict[str, DataFile] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".parquet") and not entry.name.startswith("."):
                try:
                    found[entry.name] = known.get(entry.name) or _file(entry)
                except FileNotFoundError:
                    continue
    return found


def _file(entry: os.DirEntry[str]) -> DataFile:
    stat = entry.stat()
    added = datetime.fromtimestamp(stat.st_mtime, UTC)
    return DataFile(entry.path, stat.st_size, None, added, None)


def _newest_in(path: str, column: str) -> datetime | None:
    """The largest value of a column of times, by the file's statistics."""
    try:
        metadata = pq.read_metadata(path)
    except (OSError, pa.ArrowException):
        return None
    newest: datetime | None = None
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(number)
            statistics = chunk.statistics if chunk.path_in_schema == column else None
            if statistics is not None and statistics.has_min_max:
                newest = statistics.max if newest is None else max(newest, statistics.max)
    return newest


class AllSnapshots(Snapshots):
    """The newest snapshot of each table, be it a Delta table or an output of the stream. Safe for several
    threads."""

    def __init__(self, settings: Settings, datasets: Mapping[str, Dataset]) -> None:
        super().__init__(settings, datasets)
        self._streams = StreamSnapshots(settings)
        self._stream_lock = threading.Lock()
        self._had: set[str] = set()
        self.damage = Damage()

    def get(self, name: str) -> Snapshot | None:
        dataset = self._datasets[name]
        if dataset.layer != "stream":
            return super().get(name)
        with self._stream_lock:
            found = self._streams.get(dataset)
            had_it = name in self._had
            if found is None:
                self.check_root(had_it=had_it)
                self._had.discard(name)
            else:
                self._had.add(name)
            return found

    def look(self, name: str) -> tuple[Snapshot | None, str | None]:
        """The table's newest snapshot, and what is wrong with it. Never raises."""
        try:
            snapshot = self.get(name)
        except DependencyError as error:
            return None, str(error)
        return snapshot, self.damage.of(snapshot) if snapshot else None

    def at(self, name: str, *, version: int | None = None, time: datetime | None = None) -> Snapshot:
        if self._datasets[name].layer == "stream":
            raise NotFound(f"table {name} keeps no versions: it is what the stream knows now")
        return super().at(name, version=version, time=time)
