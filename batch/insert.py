"""Finds the rows of a model's result that are new: no kept row of their key lies within the window."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
from msgspec import Struct
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import expr

from batch.frames import micros, quoted, read
from lakehouse.datasets import Dataset, InsertNew
from lakehouse.medallion.refusal import REFUSED
from lakehouse.storage.tables import DataFile

BROADCAST_ROWS = 500_000
"""A batch of at most so many rows is sent to every executor, and the target is scanned past it; a larger one
is joined by a shuffle of both."""

FATE = "__fate"
"""Column that says what becomes of a row: `refused` (by a rule), `new`, `stored` (in the target already),
`repeated` (in the batch already) or `open` (not near its key's first row in the batch, but perhaps near
another)."""

_STORED, _SEQUENCE, _TIME = "__stored", "__sequence", "__time"


class Batch(Struct, frozen=True, kw_only=True):
    """A batch whose rows know their fate. Only rows that are ``chosen``, a condition, are counted as new.
    ``frame`` is cached: unpersist it after writing."""

    frame: DataFrame
    rows_in: int
    rows_refused: int
    rows_stored: int
    """Rows that are in the target already."""
    rows_repeated: int
    rows_new: int
    hours: list[tuple[date, int]]
    """Date and hour values of the new rows."""
    chosen: str

    def new_rows(self) -> DataFrame:
        return self.frame.where(f"{FATE} = 'new' AND ({self.chosen})")

    def refused_rows(self) -> DataFrame:
        own = (FATE, _STORED, _SEQUENCE, _TIME)
        return self.frame.where(f"{FATE} = 'refused'").drop(*own)


def judged(
    session: SparkSession,
    model: DataFrame,
    target: Dataset,
    existing: Sequence[DataFile] | None,
    chosen: str = "true",
) -> Batch:
    """Decides which rows of ``model`` are new among themselves and beside the target's ``existing`` files
    (None: the target does not matter). Rows that are not ``chosen`` take part, but are not new."""
    build = target.build
    assert isinstance(build, InsertNew)
    if REFUSED not in model.columns:
        model = model.withColumn(REFUSED, expr("CAST(NULL AS STRING)"))
    batch = model.withColumn(_TIME, expr(f"unix_micros({quoted(build.time)})"))
    ranges = _ranges(batch, build) if existing else Ranges(rows=0, spans=[])
    files = [f.path for f in existing or () if any(f.touches(low, high) for low, high in ranges.spans)]
    if files:
        stored = read(session, files, _searched(target, build)).withColumn(
            _TIME, expr(f"unix_micros({quoted(build.time)})")
        )
        batch = _marked(batch, stored, build, ranges)
    else:
        batch = batch.withColumn(_STORED, expr("false"))
    fated = _fated(batch, build).persist()
    counts = _counts(fated, build, chosen)
    if counts.get("open"):
        settled = _settled(fated, build).persist()
        counts = _counts(settled, build, chosen)
        fated.unpersist()
        fated = settled
    new = counts.get("new", {})
    return Batch(
        frame=fated,
        rows_in=sum(sum(hours.values()) for hours in counts.values()),
        rows_refused=sum(counts.get("refused", {}).values()),
        rows_stored=sum(counts.get("stored", {}).values()),
        rows_repeated=sum(counts.get("repeated", {}).values()),
        rows_new=sum(new.values()),
        hours=sorted(new),
        chosen=chosen,
    )


class Ranges(Struct, frozen=True):
    """Where a batch's times lie: ``spans`` in UTC, widened by the window, sorted and disjoint."""

    rows: int
    spans: list[tuple[datetime, datetime]]


def _ranges(batch: DataFrame, build: InsertNew) -> Ranges:
    """Hour by hour: a batch with late rows of last month must not read the month between."""
    hour = 3_600_000_000
    buckets = (
        batch.groupBy(expr(f"{_TIME} div {hour}"))
        .agg(expr("count(*)"), expr(f"min({_TIME})"), expr(f"max({_TIME})"))
        .collect()
    )
    spans: list[tuple[datetime, datetime]] = []
    for low, high in sorted((_instant(row[2]), _instant(row[3])) for row in buckets if row[2] is not None):
        start, end = low - build.within, high + build.within
        if spans and start <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(spans[-1][1], end)
        else:
            spans.append((start, end))
    return Ranges(rows=sum(row[1] for row in buckets), spans=spans)


def _marked(batch: DataFrame, stored: DataFrame, build: InsertNew, ranges: Ranges) -> DataFrame:
    """The batch with a flag for the rows that have a row of their key within the window in ``stored``."""
    within = _micros_of(build)
    key = [quoted(name) for name in build.key]
    near = " OR ".join(
        f"{quoted(build.time)} BETWEEN timestamp_micros({micros(low)}) AND timestamp_micros({micros(high)})"
        for low, high in ranges.spans
    )
    asked = batch.select(*key, _TIME)
    is_small = ranges.rows <= BROADCAST_ROWS
    if is_small:
        asked = asked.hint("broadcast")
    same_key = " AND ".join(f"s.{name} = a.{name}" for name in key)
    hits = (
        stored.where(near)
        .alias("s")
        .join(asked.alias("a"), expr(f"{same_key} AND abs(s.{_TIME} - a.{_TIME}) <= {within}"))
        .selectExpr(*(f"a.{name}" for name in key), f"a.{_TIME} AS {_TIME}")
        .distinct()
        .withColumn(_STORED, expr("true"))
    )
    if is_small:
        # No more of them than rows of the batch, which then need not be shuffled to meet them.
        hits = hits.hint("broadcast")
    same_row = " AND ".join(f"b.{name} = h.{name}" for name in (*key, _TIME))
    return (
        batch.alias("b")
        .join(hits.alias("h"), expr(same_row), "left")
        .select("b.*", expr(f"coalesce(h.{_STORED}, false) AS {_STORED}"))
    )


def _fated(batch: DataFrame, build: InsertNew) -> DataFrame:
    key = ", ".join(quoted(name) for name in build.key)
    order = ", ".join(quoted(name) for name in build.order)
    window = f"OVER (PARTITION BY {key}, {_STORED}, {REFUSED} IS NULL ORDER BY {order})"
    placed = batch.selectExpr(
        "*", f"row_number() {window} AS {_SEQUENCE}", f"first_value({_TIME}) {window} AS __first"
    )
    fate = (
        f"CASE WHEN {REFUSED} IS NOT NULL THEN 'refused' WHEN {_STORED} THEN 'stored' "
        f"WHEN {_SEQUENCE} = 1 THEN 'new' "
        f"WHEN abs({_TIME} - __first) <= {_micros_of(build)} THEN 'repeated' ELSE 'open' END"
    )
    return placed.withColumn(FATE, expr(fate)).drop("__first")


def _settled(fated: DataFrame, build: InsertNew) -> DataFrame:
    """Decides the open rows, key by key in order: rows that stay depend on rows that stayed before.

    Open rows are all outside the window of their key's first row, so only they matter to each other.
    """
    within = _micros_of(build)
    key = [quoted(name) for name in build.key]
    empty = f"CAST(array() AS ARRAY<STRUCT<{_SEQUENCE}: INT, {_TIME}: BIGINT>>)"
    kept = (
        fated.where(f"{FATE} = 'open'")
        .groupBy(*key)
        .agg(expr(f"sort_array(collect_list(struct({_SEQUENCE}, {_TIME}))) AS __open"))
        .selectExpr(
            *key,
            f"explode(aggregate(__open, {empty}, (kept, row) -> "
            f"IF(exists(kept, one -> abs(one.{_TIME} - row.{_TIME}) <= {within}), "
            f"kept, array_append(kept, row)))) AS __kept",
        )
        .selectExpr(*key, f"__kept.{_SEQUENCE} AS {_SEQUENCE}", "true AS __stays")
    )
    same_row = " AND ".join(f"f.{name} <=> k.{name}" for name in (*key, _SEQUENCE))
    fate = f"CASE WHEN {FATE} = 'open' THEN IF(k.__stays, 'new', 'repeated') ELSE {FATE} END"
    columns = [f"f.{quoted(name)}" for name in fated.columns if name != FATE]
    return (
        fated.alias("f")
        .join(kept.alias("k"), expr(same_row), "left")
        .selectExpr(*columns, f"{fate} AS {FATE}")
    )


def _counts(fated: DataFrame, build: InsertNew, chosen: str) -> dict[str, dict[tuple[date, int], int]]:
    """Rows by fate and by (date, hour); new rows that are not chosen apart. Fills the cache on the way."""
    day, hour = (quoted(name) for name in build.hour)
    fate = expr(f"IF({FATE} = 'new' AND NOT coalesce(({chosen}), false), 'elsewhere', {FATE})")
    counts: dict[str, dict[tuple[date, int], int]] = {}
    for row in fated.groupBy(fate, day, hour).count().collect():
        counts.setdefault(row[0], {})[row[1], row[2]] = row[3]
    return counts


def _searched(target: Dataset, build: InsertNew) -> pa.Schema:
    """The columns of the target that are searched. All of them are in the files: the partition column is no
    part of a key."""
    return pa.schema([field for field in target.schema if field.name in (*build.key, build.time)])


def _micros_of(build: InsertNew) -> int:
    return build.within // timedelta(microseconds=1)


def _instant(value: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=value)
