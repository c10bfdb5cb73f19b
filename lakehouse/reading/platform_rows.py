"""Rows of the platform's own tables: those that lie in landing, and those that the driver has put into the
table."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Generic, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from contracts.landing import TIMESTAMP
from contracts.platform import PLATFORM_LANDING, PlatformSource
from contracts.settings import Settings
from lakehouse.medallion import platform_landing
from lakehouse.reading.snapshots import Snapshots

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _all(table: pa.Table) -> pa.Table:
    return table


def rows(
    settings: Settings,
    source: PlatformSource,
    stored: Callable[[], Iterable[Path | str]],
    *,
    chosen: Callable[[pa.Table], pa.Table] = _all,
) -> Iterator[dict[str, Any]]:
    """All rows, or of each file those that ``chosen`` leaves; one that the driver has just taken may come
    twice.

    ``stored`` names the table's data files. It is asked when landing has been read: what is cleaned out of
    landing before has been in the table since before, so no row is missed.
    """
    for table in platform_landing.read(settings, source.name):
        yield from _as_rows(chosen(table))
    yield from stored_rows(source, stored(), chosen=chosen)


def stored_rows(
    source: PlatformSource, paths: Iterable[Path | str], *, chosen: Callable[[pa.Table], pa.Table] = _all
) -> Iterator[dict[str, Any]]:
    """Rows of these data files of the source's table."""
    for path in paths:
        yield from _as_rows(chosen(_read(path, PLATFORM_LANDING[source.name].names)))


class Followed(Generic[T]):
    """What ``make`` makes of a platform table's rows, made anew when there are other rows. Safe for several
    threads."""

    def __init__(
        self,
        settings: Settings,
        source: PlatformSource,
        snapshots: Snapshots,
        make: Callable[[Iterator[dict[str, Any]]], T],
        *,
        dates: int | None = None,
    ) -> None:
        """``dates``: only so many of the table's newest dates are read, and landing."""
        self._settings = settings
        self._source = source
        self._snapshots = snapshots
        self._make = make
        self._dates = dates
        self._lock = threading.Lock()
        self._known: tuple[object, T] | None = None

    def get(self) -> T:
        with self._lock:
            mark = (platform_landing.names(self._settings, self._source.name), self._version())
            if self._known is None or self._known[0] != mark:
                self._known = mark, self._make(rows(self._settings, self._source, self._stored))
            return self._known[1]

    def _version(self) -> int | None:
        snapshot = self._snapshots.get(self._source.table)
        return snapshot.version if snapshot else None

    def _stored(self) -> list[str]:
        snapshot = self._snapshots.get(self._source.table)
        paths = sorted((file.path for file in snapshot.files), reverse=True) if snapshot else []
        if self._dates is None:
            return paths
        newest = list(dict.fromkeys(Path(path).parent for path in paths))[: self._dates]
        return [path for path in paths if Path(path).parent in newest]


def _read(path: Path | str, names: list[str]) -> pa.Table:
    """Not by deltalake's reader: its threads outlive what they read, and every other process that used it was
    aborted at its end."""
    with pq.ParquetFile(path) as file:
        return file.read(columns=[name for name in names if name in file.schema_arrow.names])


def _as_rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Times in UTC, whatever the writer; made here, as Arrow loads pandas for them."""
    times = [field.name for field in table.schema if pa.types.is_timestamp(field.type)]
    for name in times:
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, table[name].cast(TIMESTAMP).cast(pa.int64()))
    for row in table.to_pylist():
        for name in times:
            if row[name] is not None:
                row[name] = _EPOCH + timedelta(microseconds=row[name])
        yield row
