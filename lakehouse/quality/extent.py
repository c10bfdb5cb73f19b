"""The part of a table that a check looks at: its files of a range of UTC dates, as SQL."""

from __future__ import annotations

from datetime import date
from urllib.parse import unquote

import pyarrow as pa
from msgspec import Struct

from lakehouse.datasets import Dataset, InsertNew, ReplaceDates, ReplaceHours
from lakehouse.reading.relations import identifier, select_of, sql_type
from lakehouse.reading.snapshot import DataFile, Snapshot

HOUR_MICROS = 3_600_000_000


class Days(Struct, frozen=True):
    """UTC dates, both inclusive; None: no bound."""

    first: date | None = None
    last: date | None = None

    def __contains__(self, day: date) -> bool:
        return (self.first is None or day >= self.first) and (self.last is None or day <= self.last)

    @property
    def is_bounded(self) -> bool:
        return self.first is not None or self.last is not None

    def condition(self, day: str) -> str:
        """Over an expression that is a date."""
        bounds = [f"{day} >= DATE '{self.first}'"] if self.first else []
        bounds += [f"{day} <= DATE '{self.last}'"] if self.last else []
        return " AND ".join(bounds) or "true"


ALL_DAYS = Days()


def day_column(declared: Dataset) -> str:
    """The column of a row's UTC date; empty: it has none."""
    match declared.build:
        case ReplaceDates(date=day):
            return day
        case ReplaceHours(hour=(day, _)) | InsertNew(hour=(day, _)):
            return day
    return declared.partition if _by_date(declared) else ""


def day_of(declared: Dataset) -> str:
    """SQL of a row's UTC date; empty: rows of the table are of no date."""
    column = day_column(declared)
    if column:
        return identifier(column)
    return f"CAST({identifier(declared.time)} AS DATE)" if declared.time else ""


def hour_of(declared: Dataset) -> str:
    """SQL of a row's UTC hour, counted from 1970; empty: rows of the table are of no hour."""
    if declared.time:
        return f"epoch_us({identifier(declared.time)}) // {HOUR_MICROS}"
    if isinstance(declared.build, ReplaceHours):
        day, hour = declared.build.hour
        return f"({identifier(day)} - DATE '1970-01-01') * 24 + {identifier(hour)}"
    return ""


def files_of(declared: Dataset, snapshot: Snapshot, days: Days) -> list[DataFile]:
    """The files that can hold rows of these dates."""
    if not days.is_bounded:
        return list(snapshot.files)
    if _by_date(declared):
        return [file for file in snapshot.files if (day := date_of(declared, file)) is None or day in days]
    if days.first and declared.time and declared.layer != "stream":
        return [f for f in snapshot.files if f.newest is None or f.newest.date() >= days.first]
    return list(snapshot.files)


def date_of(declared: Dataset, file: DataFile) -> date | None:
    """The date of a file of a table that is partitioned by date."""
    text = partition_of(declared, file)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def partition_of(declared: Dataset, file: DataFile) -> str | None:
    """The value of the partition column, from the file's path."""
    marker = f"/{declared.partition}="
    if not declared.partition or marker not in file.path:
        return None
    return unquote(file.path.rsplit(marker, 1)[1].split("/", 1)[0])


def rows_of(declared: Dataset, snapshot: Snapshot, days: Days) -> str:
    """A SELECT of the declared columns over the rows of these dates.

    A column that the table lacks is null, and one of another type is read as the declared one where it can
    be: the finding on the schema says so, and the other rules are still asked.
    """
    files = files_of(declared, snapshot, days)
    columns = ", ".join(_column(field, snapshot.schema) for field in declared.schema)
    rows = f"SELECT {columns} FROM ({select_of(snapshot, [file.path for file in files])})"
    if days.is_bounded and not _by_date(declared) and day_of(declared):
        rows = f"SELECT * FROM ({rows}) WHERE {days.condition(day_of(declared))}"
    return rows


def is_whole_files(declared: Dataset, days: Days) -> bool:
    """Whether the rows of these dates are all rows of their files."""
    return not days.is_bounded or _by_date(declared) or not day_of(declared)


def _by_date(declared: Dataset) -> bool:
    return bool(declared.partition) and pa.types.is_date(declared.schema.field(declared.partition).type)


def _column(field: pa.Field, found: pa.Schema) -> str:
    name, kind = identifier(field.name), sql_type(field.type)
    if field.name not in found.names:
        return f"CAST(NULL AS {kind}) AS {name}"
    if sql_type(found.field(field.name).type) != kind:
        return f"TRY_CAST({name} AS {kind}) AS {name}"
    return name
