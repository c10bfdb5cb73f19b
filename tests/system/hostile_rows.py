"""Rows of any dataset from pools of awkward values, and how they lie as data files."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.datasets import Dataset
from lakehouse.engine import Input

MIDNIGHT = datetime(2026, 3, 5, tzinfo=UTC)
TEXTS = [
    "",
    " ",
    "a",
    "A",
    "ä",
    "a\u0308",
    "😀",
    "O'Neill",
    'quo"ted',
    "back\\slash",
    "null",
    "x" * 300,
    "\t\n",
]
PLACES = ["orders", "a b/é", "O'Neill", "100%", "a=b"]
"""Values of partition columns: folders are named for them."""
CHOICES = {
    "event_type": ["login", "purchase", "error", "page_view"],
    "action": ["page_view", "page_view", "click", "scroll"],
    "operation": ["INSERT", "UPDATE", "DELETE", "UPDATE"],
    "status": ["healthy", "degraded", "unhealthy", "odd"],
    "metric": ["dead_letters", "dead_letters", "cpu"],
    "user_id": ["u1", "U1", "é🤦🏼‍♂️x", "O'Neill", " "],
    "session_id": ["s", "S", "", "😀"],
    "database": ["shop", "Shop"],
    "table": PLACES,
    "key": ['{"id":1}', '{"id":2}', '{"id":"ä"}'],
    "sequence": ["0001", "0002", "0003", "0010"],
}
NUMBERS = [
    *(0.0, -0.0, 1.5, 7.0, 1000.0, -2.25, 5e-324, 1e300, 0.1, 9007199254740993.0),
    *(float("nan"), float("inf"), float("-inf")),
]
INTEGERS = [0, -1, 200, 404, 301, 503, 2**31 - 1, -(2**31)]


def hostile(declared: Dataset, count: int, seed: int) -> list[dict[str, Any]]:
    """Repeated ids and times, nulls where they may be."""
    chance = random.Random(seed)
    rows = []
    for number in range(count):
        row: dict[str, Any] = {}
        for column in declared.columns:
            row[column.name] = (
                None if column.nullable and chance.random() < 0.2 else value(declared, column, chance)
            )
        row["load_timestamp"] = MIDNIGHT
        if "source_offset" in row:
            row |= {"source_offset": number, "source_partition": seed}
        if "change_id" in row:
            row["change_id"] = f"{seed}/{number}"
        if row.get("operation") == "DELETE" and "row" in row:
            row["row"] = None
        at = row.get(declared.time)
        kind = declared.schema.field(declared.partition).type if declared.partition else None
        if kind is not None and pa.types.is_date(kind) and isinstance(at, datetime):
            row[declared.partition] = at.date()
        rows.append({c.name: row[c.name] for c in declared.columns})
    return rows


def value(declared: Dataset, column: Any, chance: random.Random) -> Any:
    kind = column.type
    if column.name == declared.partition and pa.types.is_string(kind):
        return chance.choice(PLACES)
    if column.name in CHOICES:
        return chance.choice(CHOICES[column.name])
    if pa.types.is_timestamp(kind):
        # Around midnight and the edges of hours and windows, to the microsecond; some days late.
        at = MIDNIGHT + timedelta(minutes=30 * chance.randrange(-6, 7), microseconds=chance.randrange(-1, 2))
        return at - timedelta(days=chance.choice([0, 0, 0, 40]))
    if pa.types.is_date(kind):
        return MIDNIGHT.date() - timedelta(days=chance.choice([0, 1, 1, 8]))
    if pa.types.is_boolean(kind):
        return chance.random() < 0.5
    if pa.types.is_integer(kind):
        if kind == pa.int64():
            return chance.randrange(5)
        return chance.randrange(3) if column.name.endswith("_hour") else chance.choice(INTEGERS)
    if pa.types.is_floating(kind):
        return chance.choice(NUMBERS)
    if pa.types.is_list(kind):
        return chance.choice([[], [""], ["a", None]])
    return chance.choice(TEXTS)


def given(folder: Path, declared: Dataset, rows: list[dict[str, Any]], name: str = "") -> Input:
    """The rows as data files of a Delta table would lie: one a partition value, without that column."""
    files = []
    partition = declared.partition
    for part in sorted({row[partition] for row in rows}) if partition else [None]:
        chosen = [row for row in rows if not partition or row[partition] == part]
        table = pa.Table.from_pylist(chosen, declared.schema)
        place = folder
        if partition:
            table = table.drop_columns([partition])
            place = folder / f"{partition}={quote(str(part), safe='')}"
        place.mkdir(parents=True, exist_ok=True)
        file = place / "part-0.parquet"
        pq.write_table(table, file)
        files.append(file)
    return Input(name=name or declared.name, files=tuple(files), schema=declared.schema, partition=partition)
