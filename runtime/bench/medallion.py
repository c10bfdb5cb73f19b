"""What a silver merge costs, by the size of the day that it goes into, beside the same by hand.

Both sides get the same new events and have tables of their own, equal at the start. They take turns, so that
whatever else the machine does disturbs both.
"""

from __future__ import annotations

import shutil
import statistics
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from deltalake import write_deltalake
from msgspec import Struct

from contracts.settings import Settings
from lakehouse import delta_log, tables
from lakehouse.datasets import Dataset, dataset
from lakehouse.engine import Engine
from lakehouse.silver import SilverTable

DAY = datetime(2026, 3, 5, tzinfo=UTC)
DAY_SECONDS = 86_400
LATE_DAYS = 30
NEWEST_SECONDS = 600
"""The newest events are of the last so many seconds of the day."""
CHUNK = 250_000
"""Rows of one file of the tables that are merged into: in the order of time, as they would have come."""

ByHand = Callable[[Path, Sequence[Path]], None]
"""Merges files of new events (bronze's columns, but for the date, which is in their path) into a table."""


class Merges(Struct, frozen=True, kw_only=True):
    """Merges into one table. Seconds."""

    engine: str
    case: str
    """`newest`: the end of a day; `late`: spread over thirty days."""
    table_rows: int
    new_rows: int
    ours: list[float]
    by_hand: list[float]

    @property
    def medians(self) -> tuple[float, float]:
        """Ours, and by hand."""
        return statistics.median(self.ours), statistics.median(self.by_hand)

    @property
    def ratio(self) -> float:
        ours, by_hand = self.medians
        return round(ours / by_hand, 2)


def measure(
    settings: Settings,
    engine: Engine,
    by_hand: ByHand,
    *,
    sizes: Sequence[int],
    new_rows: int,
    pairs: int,
    late: bool,
    told: Callable[[str], None],
) -> Iterator[Merges]:
    """One result for each size, and one of late events for the smallest. The engine stays open."""
    cases = [("newest", size) for size in sizes] + ([("late", min(sizes))] if late else [])
    for case, size in cases:
        root = settings.data_root / "bench" / f"medallion-{uuid.uuid4().hex[:8]}"
        paths = msgspec.structs.replace(settings.paths, data=str(root))
        own = msgspec.structs.replace(settings, paths=paths)
        try:
            told(f"{engine.name}: making a table of {size:,} rows")
            yield _case(own, engine, by_hand, case, size, new_rows, pairs)
        finally:
            shutil.rmtree(root, ignore_errors=True)


def _case(
    settings: Settings, engine: Engine, by_hand: ByHand, case: str, size: int, new_rows: int, pairs: int
) -> Merges:
    silver, bronze = dataset("app_events_silver"), dataset("app_events_bronze")
    path, source = tables.create(settings, silver), tables.create(settings, bronze)
    other = settings.data_root / "by-hand"
    days = 1 if case == "newest" else LATE_DAYS
    for target in (path, other):
        _fill(target, silver, size, days)
    table = SilverTable(settings, silver, engine)
    table.advance()
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(pairs + 1):
        write_deltalake(str(source), _new(bronze, new_rows, days, number), mode="append")
        files = _added(source)
        sides: list[tuple[list[float], Callable[[], object]]] = [
            (ours, table.advance),
            (theirs, lambda files=files: by_hand(other, files)),  # type: ignore[misc]
        ]
        for seconds, work in sides if number % 2 else reversed(sides):
            started = time.perf_counter()
            work()
            seconds.append(round(time.perf_counter() - started, 3))
    _same(path, other)
    # The first pair warmed both sides up.
    return Merges(
        engine=engine.name,
        case=case,
        table_rows=size,
        new_rows=new_rows,
        ours=ours[1:],
        by_hand=theirs[1:],
    )


def _fill(path: Path, declared: Dataset, size: int, days: int) -> None:
    """A table of ``size`` rows, evenly over the days, with the declared properties."""
    first = True
    for start in range(0, size, CHUNK):
        count = min(CHUNK, size - start)
        at = (np.arange(start, start + count) / size * days * DAY_SECONDS * 1e6).astype("int64")
        write_deltalake(
            str(path),
            _table(declared, at, np.arange(start, start + count), days),
            mode="append",
            partition_by=[declared.partition],
            configuration=tables.properties(declared) if first else None,
        )
        first = False


def _new(declared: Dataset, count: int, days: int, number: int) -> pa.Table:
    """New events, one in fifty of them twice."""
    chance = np.random.default_rng(number)
    if days == 1:
        at = DAY_SECONDS * 1_000_000 - chance.integers(0, NEWEST_SECONDS * 1_000_000, count)
    else:
        at = chance.integers(0, days * DAY_SECONDS * 1_000_000, count)
    ids = np.arange(count)
    ids[::50] = ids[1::50][: len(ids[::50])]
    at = at[ids]
    return _table(declared, np.asarray(at, "int64"), 10**12 + number * 10**9 + ids, days)


def _table(declared: Dataset, at: Any, ids: Any, days: int) -> pa.Table:
    """Rows at these microseconds of the days that end with ``DAY``, with something in every column."""
    base = DAY - timedelta(days=days - 1)
    count = len(at)
    times = pa.array(at + int(base.timestamp() * 1e6), pa.int64()).cast(pa.timestamp("us", "UTC"))
    users = pa.array(np.char.add("user-", (ids % 100_000).astype(str)))
    given: dict[str, Any] = {
        "event_id": pa.array(np.char.add("0b8d1c6e-5f1f-4c3a-9d2e-", ids.astype(str))),
        "user_id": users,
        "session_id": users,
        "source_offset": pa.array(ids, pa.int64()),
    }
    columns = []
    for field in declared.schema:
        if field.name in given:
            columns.append(given[field.name].cast(field.type))
        elif pa.types.is_timestamp(field.type):
            columns.append(times)
        elif field.name.endswith("_date"):
            columns.append(times.cast(pa.date32()))
        elif field.name.endswith("_hour"):
            columns.append(pa.array(at // 3_600_000_000 % 24, field.type))
        else:
            columns.append(pa.repeat(pa.scalar(_filler(field.type), field.type), count))
    return pa.Table.from_arrays(columns, schema=declared.schema)


def _filler(kind: pa.DataType) -> Any:
    if pa.types.is_list(kind):
        return []
    if pa.types.is_boolean(kind):
        return False
    return "page_view" if pa.types.is_string(kind) else 200


def _added(path: Path) -> list[Path]:
    """Files of the newest commit."""
    commit = delta_log.read_commit(path, delta_log.latest_version(path))
    assert commit is not None
    return [file.path for file in commit.added]


def _same(path: Path, other: Path) -> None:
    """Both sides did the same work, or the comparison says nothing."""
    import polars as pl

    rows = [pl.scan_delta(str(one)).select(pl.len()).collect().item() for one in (path, other)]
    if rows[0] != rows[1]:
        raise AssertionError(f"{rows[0]:,} rows against {rows[1]:,} by hand")
