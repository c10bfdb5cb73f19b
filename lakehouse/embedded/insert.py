"""Finds the rows of a batch that are new: no kept row of their key lies within the window."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from lakehouse.datasets import InsertNew
from lakehouse.first_wins import first_wins
from lakehouse.tables import DataFile

BATCH = "batch"
"""Temporary table that holds the model's rows; `position` is their order, from 0."""


def create_batch(connection: duckdb.DuckDBPyConnection, build: InsertNew, model: str) -> int:
    """Materialises the model's rows in order; returns how many there are."""
    order = ", ".join(quoted(name) for name in build.order)
    connection.execute(
        f"CREATE TEMP TABLE {BATCH} AS "
        f"SELECT *, row_number() OVER (ORDER BY {order}) - 1 AS position FROM ({model})"
    )
    return number(connection, f"SELECT count(*) FROM {BATCH}")


def candidates(
    connection: duckdb.DuckDBPyConnection, build: InsertNew, existing: Sequence[DataFile]
) -> list[Path]:
    """The target's files that can hold a row within the window of a row of the batch.

    Ranges are made hour by hour: a batch with late rows of last month must not read the month between.
    """
    time = quoted(build.time)
    ranges: list[tuple[datetime, datetime]] = connection.execute(
        f"SELECT min({time}), max({time}) FROM {BATCH} GROUP BY time_bucket(INTERVAL 1 HOUR, {time})"
    ).fetchall()
    spans = merged([(low - build.within, high + build.within) for low, high in ranges])
    return [file.path for file in existing if any(file.touches(low, high) for low, high in spans)]


def drop_existing(connection: duckdb.DuckDBPyConnection, build: InsertNew, files: Sequence[Path]) -> int:
    """Takes out of the batch what duplicates a row in ``files``, the target's; returns how many rows."""
    if not files:
        return 0
    same_key = " AND ".join(f"t.{quoted(name)} = b.{quoted(name)}" for name in build.key)
    time, within = quoted(build.time), interval(build.within)
    return number(
        connection,
        f"DELETE FROM {BATCH} WHERE position IN ("
        f"SELECT b.position FROM read_parquet($files, hive_partitioning = false, union_by_name = true) AS t "
        f"JOIN {BATCH} AS b ON {same_key} "
        f"WHERE t.{time} BETWEEN b.{time} - {within} AND b.{time} + {within} "
        f"AND t.{time} BETWEEN (SELECT min({time}) FROM {BATCH}) - {within} "
        f"AND (SELECT max({time}) FROM {BATCH}) + {within})",
        {"files": [str(path) for path in files]},
    )


def drop_repeated(connection: duckdb.DuckDBPyConnection, build: InsertNew) -> int:
    """Takes out of the batch what duplicates an earlier row of it; returns how many rows. Only keys that come
    twice leave SQL: which of their rows stay depends on which stayed before, row by row."""
    key = ", ".join(quoted(name) for name in build.key)
    rows = connection.execute(
        f"SELECT position, epoch_us({quoted(build.time)}), {key} FROM {BATCH} "
        f"QUALIFY count(*) OVER (PARTITION BY {key}) > 1 ORDER BY position"
    ).fetchall()
    if not rows:
        return 0
    within = build.within // timedelta(microseconds=1)
    kept = first_wins(((tuple(row[2:]), row[1]) for row in rows), within)
    dropped = [row[0] for row, stays in zip(rows, kept, strict=True) if not stays]
    return number(
        connection, f"DELETE FROM {BATCH} WHERE position IN (SELECT unnest($dropped))", {"dropped": dropped}
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


def interval(span: timedelta) -> str:
    return f"INTERVAL {span // timedelta(microseconds=1)} MICROSECONDS"


def number(connection: duckdb.DuckDBPyConnection, sql: str, values: dict[str, Any] | None = None) -> int:
    """The one number that a statement gives: a count, or the rows that it changed."""
    row = connection.execute(sql, values).fetchone()
    assert row is not None
    return int(row[0])
