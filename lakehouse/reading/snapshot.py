"""What a table holds at one version: files, schema, rows, newest event."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable
from msgspec import Struct

from lakehouse.datasets import Dataset, ReplaceHours
from lakehouse.storage import delta_log

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


def snapshot_of(table: DeltaTable, dataset: Dataset, path: Path) -> Snapshot:
    """What a loaded table holds."""
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
        datetime.combine(day, time(int(hour)), UTC) if isinstance(day, date) and hour in range(24) else None
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
