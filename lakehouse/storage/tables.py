"""The Delta tables on disk: making them as declared, and what their logs say of them. Never reads data
files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, Field, Schema
from deltalake.exceptions import DeltaError, TableNotFoundError
from msgspec import Struct, structs

from contracts.errors import NotFound, SchemaMismatch
from contracts.layout import table_path
from contracts.settings import Settings
from lakehouse.datasets import Column, Dataset, FromChain, dataset
from lakehouse.datasets.declaration import LOAD_TIMESTAMP
from lakehouse.storage import commits, delta_log
from lakehouse.storage.evolution import plain

STATISTICS_SLACK = timedelta(milliseconds=1)
"""Writers cut statistics of timestamps to milliseconds, the maximum too: a row may lie this far beyond."""


class DataFile(Struct, frozen=True, kw_only=True):
    """A live data file of one version. ``low`` and ``high`` bound the dataset's time, UTC, slack included;
    None: no statistics, the file can hold any time."""

    path: Path
    rows: int
    size: int
    partition: str | None
    low: datetime | None
    high: datetime | None

    def touches(self, start: datetime, end: datetime) -> bool:
        """Whether it can hold a row with a time in [start, end]."""
        return self.low is None or self.high is None or (self.low <= end and self.high >= start)


class TableInfo(Struct, frozen=True, kw_only=True):
    """A table at its newest version. A table that has not been made yet has version −1 and nothing in it."""

    name: str
    version: int
    rows: int
    bytes: int
    files: int
    newest: datetime | None
    """Newest event time that is in it, cut to milliseconds; None: nobody knows, or there is no event."""
    committed_at: datetime | None


def path_of(settings: Settings, declared: Dataset) -> Path:
    return table_path(settings, declared.layer, declared.name)


def create(settings: Settings, declared: Dataset) -> Path:
    """Makes the table, empty, where there is none; returns its folder.

    Raises SchemaMismatch where there is one with other columns or another partition column.
    """
    path = path_of(settings, declared)
    if delta_log.latest_version(path) < 0:
        path.mkdir(parents=True, exist_ok=True)
        DeltaTable.create(
            str(path),
            declared.schema,
            mode="ignore",
            partition_by=[declared.partition] if declared.partition else None,
            name=declared.name,
            description=declared.description,
            configuration=properties(declared),
        )
    else:
        evolve(path, declared)
    return path


def evolve(path: Path, declared: Dataset) -> None:
    """Adds the declared nullable columns that the table lacks; it may have more than are declared.

    Raises SchemaMismatch where a column is of another type, one that may not be null is missing, or the
    partition column is another.
    """
    table = DeltaTable(str(path))
    found = pa.schema(table.schema().to_arrow())
    partition = table.metadata().partition_columns
    wanted = [declared.partition] if declared.partition else []
    if partition != wanted:
        raise SchemaMismatch(f"table {path} is not as declared: partitioned by {partition}, not {wanted}")
    missing = [column for column in declared.columns if column.name not in found.names]
    differs = [column.name for column in missing if not column.nullable]
    differs += [
        f"{column.name} ({found.field(column.name).type}, not {column.type})"
        for column in declared.columns
        if column.name in found.names and not _same_type(found.field(column.name).type, column.type)
    ]
    if differs:
        raise SchemaMismatch(f"table {path} is not as declared: columns {', '.join(differs)}")
    if missing:
        add_columns(table, path, {column.name: column.type for column in missing})


def add_columns(table: DeltaTable, path: Path, columns: dict[str, pa.DataType]) -> None:
    """Adds nullable columns, in a commit that repeats the position of the last."""
    fields = [
        Field(name, Schema.from_arrow(pa.schema([pa.field(name, kind)])).fields[0].type, nullable=True)
        for name, kind in columns.items()
    ]
    table.alter.add_columns(fields, commit_properties=commits.changing_nothing(path, table.version()))


def widened(declared: Dataset, extras: dict[str, pa.DataType]) -> Dataset:
    """The dataset with further nullable columns."""
    columns = [Column(name=name, type=kind) for name, kind in extras.items()]
    return structs.replace(declared, columns=(*declared.columns, *columns))


def extra_columns(table: DeltaTable, declared: Dataset) -> dict[str, pa.DataType]:
    """Columns of the table that are not declared, by name."""
    found = pa.schema(table.schema().to_arrow())
    names = set(declared.schema.names)
    return {field.name: plain(field.type) for field in found if field.name not in names}


def properties(declared: Dataset) -> dict[str, str]:
    """The table's Delta properties."""
    days = max(declared.time_travel // timedelta(days=1), 1)
    values = {
        "delta.logRetentionDuration": f"interval {days} days",
        "delta.deletedFileRetentionDuration": f"interval {days} days",
        # A tombstone is in every checkpoint: one each 10 commits, at this cadence, grows a log to 380 GB.
        "delta.checkpointInterval": "500",
        "delta.dataSkippingStatsColumns": ",".join(statistics_columns(declared)),
    }
    if declared.layer == "silver":
        values["delta.enableChangeDataFeed"] = "true"
    return values


def newest_in(files: Iterable[DataFile]) -> datetime | None:
    """Newest event time that the statistics show."""
    highs = [file.high for file in files if file.high is not None and file.rows]
    return max(highs) - STATISTICS_SLACK if highs else None


def snapshot_files(table: DeltaTable, path: Path, declared: Dataset) -> list[DataFile]:
    """Live files of the version that ``table`` has loaded."""
    return _data_files(pa.table(table.get_add_actions(flatten=True)), path, declared)


def added_files(added: Sequence[delta_log.Added], declared: Dataset) -> list[DataFile]:
    """The same for files that commits added."""
    return [
        DataFile(
            path=file.path,
            rows=file.rows,
            size=file.size,
            partition=file.partition.get(declared.partition),
            low=_shifted(file.stats.get("minValues", {}).get(declared.time), -STATISTICS_SLACK),
            high=_shifted(
                file.stats.get("maxValues", {}).get(declared.until or declared.time), STATISTICS_SLACK
            ),
        )
        for file in added
    ]


def data_files(settings: Settings, name: str, version: int | None = None) -> list[Path]:
    """Absolute paths of the live data files of a version (default: the newest), sorted. Partition values are
    in the paths (`event_date=2026-11-24/`).

    Raises NotFound where the dataset, its table or that version does not exist.
    """
    declared = dataset(name)
    path = path_of(settings, declared)
    newest = delta_log.latest_version(path)
    if newest < 0:
        raise NotFound(f"table {name} has not been written yet")
    return [file.path for file in _snapshot(path, newest if version is None else version, declared)]


def table_info(settings: Settings, declared: Dataset) -> TableInfo:
    """What the log says of the table's newest version."""
    path = path_of(settings, declared)
    version = delta_log.latest_version(path)
    if version < 0:
        return TableInfo(
            name=declared.name, version=-1, rows=0, bytes=0, files=0, newest=None, committed_at=None
        )
    files = _snapshot(path, version, declared)
    committed_at = _committed_at(path, version)
    return TableInfo(
        name=declared.name,
        version=version,
        rows=sum(file.rows for file in files),
        bytes=sum(file.size for file in files),
        files=len(files),
        newest=newest_in(files) if declared.time else _noted_newest(path, version),
        committed_at=committed_at,
    )


@lru_cache(maxsize=16)
def _snapshot(path: Path, version: int, declared: Dataset) -> tuple[DataFile, ...]:
    try:
        table = DeltaTable(str(path), version=version)
    except (TableNotFoundError, DeltaError) as error:
        raise NotFound(f"table {declared.name} has no version {version}") from error
    return tuple(sorted(snapshot_files(table, path, declared), key=lambda file: file.path))


def _data_files(actions: pa.Table, path: Path, declared: Dataset) -> list[DataFile]:
    def column(name: str) -> list[Any]:
        return list(actions[name].to_pylist()) if name in actions.column_names else [None] * len(actions)

    return [
        DataFile(
            path=delta_log.file_path(path, file),
            rows=rows or 0,
            size=size,
            partition=None if partition is None else str(partition),
            low=None if low is None else low - STATISTICS_SLACK,
            high=None if high is None else high + STATISTICS_SLACK,
        )
        for file, rows, size, partition, low, high in zip(
            column("path"),
            column("num_records"),
            column("size_bytes"),
            column(f"partition.{declared.partition}"),
            column(f"min.{declared.time}"),
            column(f"max.{declared.until or declared.time}"),
            strict=True,
        )
    ]


def statistics_columns(declared: Dataset) -> list[str]:
    """Statistics are kept of few columns: they are most of the log's bytes."""
    wanted = [LOAD_TIMESTAMP, declared.time, declared.until, *declared.z_order]
    match declared.build:
        case FromChain(quality_flags=True):
            wanted += ["source_partition", "source_offset"]
        case FromChain():
            pass
        case _:
            wanted += declared.key
    ordered = dict.fromkeys(wanted)
    names = {column.name for column in declared.columns} - {declared.partition}
    return [name for name in ordered if name in names]


def _same_type(found: pa.DataType, declared: pa.DataType) -> bool:
    if pa.types.is_list(found) and pa.types.is_list(declared):
        return bool(found.value_type == declared.value_type)
    return bool(found == declared)


def _shifted(text: Any, by: timedelta) -> datetime | None:
    if not isinstance(text, str):
        return None
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)) + by


def _noted_newest(path: Path, version: int) -> datetime | None:
    """For a table without event time: what its commits say of the events that are in it."""
    text = (commits.last_metadata(path, version) or {}).get("newest")
    return datetime.fromisoformat(text) if text else None


def _committed_at(path: Path, version: int) -> datetime | None:
    commit = delta_log.read_commit(path, version)
    stamp = commit.info.get("timestamp") if commit else None
    return datetime.fromtimestamp(stamp / 1000, UTC) if isinstance(stamp, int) else None
