"""Finds the rows of a batch that are new: no kept row of their key lies within the window."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from msgspec import Struct

from lakehouse.datasets import InsertNew
from lakehouse.medallion.first_wins import first_wins
from lakehouse.storage.tables import DataFile

ROWS = "model_rows"
"""The model's rows, all columns."""
BATCH = "batch"
"""Temporary table of what decides about those that are still to be written; ``PLACE`` says which they are."""
PLACE = "place"


class Candidates(Struct, frozen=True, kw_only=True):
    """What of the target can hold a row within the window of a row of the batch."""

    files: list[Path]
    low: datetime
    high: datetime
    """Times in the files that matter lie between them."""


def create_batch(
    connection: duckdb.DuckDBPyConnection, model: str, deciding: Iterable[str], *, in_memory: bool
) -> pa.Table | None:
    """Runs the model: its rows become ``ROWS``, and their columns ``deciding`` ``BATCH``.

    ``in_memory``: the rows are an Arrow table, which is returned, by places; else DuckDB keeps them, on disk
    if need be, by row ids.
    """
    rows = None
    place = "rowid"
    if in_memory:
        rows = connection.sql(model).to_arrow_table()
        place, places = PLACE, pa.array(np.arange(rows.num_rows))
        connection.register(ROWS, rows.append_column(PLACE, places))
    else:
        connection.execute(f"CREATE TEMP TABLE {ROWS} AS {model}")
    names = ", ".join(quoted(name) for name in dict.fromkeys(deciding))
    connection.execute(f"CREATE TEMP TABLE {BATCH} AS SELECT {place} AS {PLACE}, {names} FROM {ROWS}")
    return rows


def candidates(
    connection: duckdb.DuckDBPyConnection, build: InsertNew, existing: Sequence[DataFile]
) -> Candidates | None:
    """None: no file can hold such a row.

    Ranges are made hour by hour: a batch with late rows of last month must not read the month between.
    """
    time = quoted(build.time)
    ranges: list[tuple[datetime, datetime]] = connection.execute(
        f"SELECT min({time}), max({time}) FROM {BATCH} GROUP BY time_bucket(INTERVAL 1 HOUR, {time})"
    ).fetchall()
    spans = merged([(low - build.within, high + build.within) for low, high in ranges])
    files = [file.path for file in existing if any(file.touches(low, high) for low, high in spans)]
    return Candidates(files=files, low=spans[0][0], high=spans[-1][1]) if files else None


def drop_existing(connection: duckdb.DuckDBPyConnection, build: InsertNew, stored: Candidates) -> int:
    """Takes out of the batch what duplicates a row of the target; returns how many rows."""
    same_key = " AND ".join(f"t.{quoted(name)} = b.{quoted(name)}" for name in build.key)
    time, within = quoted(build.time), interval(build.within)
    # Bounds that DuckDB knows before it reads spare it the keys of all rows beyond them.
    near = f"t.{time} BETWEEN {instant(stored.low)} AND {instant(stored.high)}"
    return number(
        connection,
        f"DELETE FROM {BATCH} WHERE {PLACE} IN ("
        f"SELECT b.{PLACE} FROM read_parquet($files, hive_partitioning = false, union_by_name = true) AS t "
        f"JOIN {BATCH} AS b ON {same_key} "
        f"WHERE {near} AND t.{time} BETWEEN b.{time} - {within} AND b.{time} + {within})",
        {"files": [str(path) for path in stored.files]},
    )


def drop_repeated(connection: duckdb.DuckDBPyConnection, build: InsertNew) -> int:
    """Takes out of the batch what duplicates an earlier row of it; returns how many rows. Only keys that come
    twice leave SQL: which of their rows stay depends on which stayed before, row by row."""
    key = ", ".join(quoted(name) for name in build.key)
    order = ", ".join(quoted(name) for name in build.order)
    rows = connection.execute(
        f"SELECT {PLACE}, epoch_us({quoted(build.time)}), {key} FROM {BATCH} "
        f"QUALIFY count(*) OVER (PARTITION BY {key}) > 1 ORDER BY {order}, {PLACE}"
    ).fetchall()
    within = build.within // timedelta(microseconds=1)
    kept = first_wins(((tuple(row[2:]), row[1]) for row in rows), within)
    dropped = [row[0] for row, stays in zip(rows, kept, strict=True) if not stays]
    if not dropped:
        return 0
    return number(
        connection,
        f"DELETE FROM {BATCH} WHERE {PLACE} IN (SELECT unnest($dropped))",
        {"dropped": dropped},
    )


def merged(ranges: Sequence[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """The same instants in the fewest ranges, in order."""
    result: list[tuple[datetime, datetime]] = []
    for low, high in sorted(ranges):
        if result and low <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], high))
        else:
            result.append((low, high))
    return result


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def instant(at: datetime) -> str:
    """A time with its zone, in SQL."""
    return f"TIMESTAMPTZ '{at.isoformat()}'"


def interval(span: timedelta) -> str:
    return f"INTERVAL {span // timedelta(microseconds=1)} MICROSECONDS"


def number(connection: duckdb.DuckDBPyConnection, sql: str, values: dict[str, Any] | None = None) -> int:
    """The one number that a statement gives: a count, or the rows that it changed."""
    row = connection.execute(sql, values).fetchone()
    assert row is not None
    return int(row[0])
