"""Silver merges as one would write them for these very tables, in PySpark; to measure the engine against."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from delta.tables import DeltaTable
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as f

from batch.engine import SparkEngine
from batch.frames import escaped

_ORDER = ("load_timestamp", "source_partition", "source_offset")
_GAP = "INTERVAL 30 MINUTES"


class MergeByHand:
    """In the engine's own session, which both share in turn. Delta's merge, restricted to the days and hours
    that the new rows touch."""

    def __init__(self, engine: SparkEngine) -> None:
        self._session: SparkSession = engine._connected()

    def events(self, table: Path, source: Path, files: Sequence[Path]) -> None:
        """Inserts the events of ``files`` whose event_id is not there within an hour; the first one wins."""
        new = (
            _first_of(self._read(files), "event_id")
            .withColumn("event_date", f.to_date("event_timestamp"))
            .withColumn("event_hour", f.hour("event_timestamp"))
            .withColumn("load_timestamp", f.current_timestamp())
            .cache()
        )
        low, high = _bounds(
            new, "min(event_timestamp) - INTERVAL 1 HOUR", "max(event_timestamp) + INTERVAL 1 HOUR"
        )
        target = DeltaTable.forPath(self._session, str(table))
        columns: dict[str, str | Column] = {name: f"n.{name}" for name in target.toDF().columns}
        near = (
            f"t.{_days('event_date', low, high)} "
            f"AND t.event_timestamp BETWEEN TIMESTAMP '{low}' AND TIMESTAMP '{high}' "
            "AND t.event_id = n.event_id "
            "AND abs(unix_micros(t.event_timestamp) - unix_micros(n.event_timestamp)) <= 3600000000"
        )
        target.alias("t").merge(new.alias("n"), near).whenNotMatchedInsert(values=columns).execute()
        new.unpersist()

    def sessions(self, table: Path, source: Path, files: Sequence[Path]) -> None:
        """Computes the sessions that the clicks of ``files`` touch anew from ``source``, all clicks."""
        users = (
            self._read(files)
            .groupBy("user_id")
            .agg(f.min("click_timestamp").alias("low"), f.max("click_timestamp").alias("high"))
            .cache()
        )
        low, high = _bounds(users, f"min(low) - {_GAP}", f"max(high) + {_GAP}")
        target = DeltaTable.forPath(self._session, str(table))
        stored = target.toDF()
        touched = (
            stored.where(_days("session_date", low, high, before=1))
            .where(f"session_start <= TIMESTAMP '{high}' AND session_end >= TIMESTAMP '{low}'")
            .join(f.broadcast(users), "user_id")
            .where(f"session_start <= high + {_GAP} AND session_end >= low - {_GAP}")
            .select("user_id", "session_start", "session_end", "session_id")
            .cache()
        )
        stretches = (
            users.union(touched.selectExpr("user_id", "session_start", "session_end"))
            .groupBy("user_id")
            .agg(f.min("low").alias("low"), f.max("high").alias("high"))
            .cache()
        )
        low, high = _bounds(stretches, "min(low)", "max(high)")
        clicks = (
            self._session.read.format("delta")
            .load(str(source))
            .where(_days("click_date", low, high))
            .where(f"click_timestamp BETWEEN TIMESTAMP '{low}' AND TIMESTAMP '{high}'")
            .join(f.broadcast(stretches), "user_id")
            .where("click_timestamp BETWEEN low AND high")
        )
        rows = _sessions(_first_of(clicks, "user_id", "click_id")).cache()
        key = ["user_id", "session_start", "session_id"]
        same = " AND ".join(f"o.{name} <=> r.{name}" for name in key)
        gone = touched.alias("o").join(rows.alias("r"), f.expr(same), "left_anti").select(*key)
        changes = rows.withColumn("gone", f.lit(False)).unionByName(
            gone.withColumn("gone", f.lit(True)), allowMissingColumns=True
        )
        first, last = _bounds(changes, "min(session_start)", "max(session_start)")
        columns: dict[str, str | Column] = {name: f"n.{name}" for name in stored.columns}
        match = " AND ".join(f"t.{name} <=> n.{name}" for name in key)
        (
            target.alias("t")
            .merge(changes.alias("n"), f"t.{_days('session_date', first, last)} AND {match}")
            .whenMatchedDelete("n.gone")
            .whenMatchedUpdate(set=columns)
            .whenNotMatchedInsert(values=columns)
            .execute()
        )
        for frame in (users, touched, stretches, rows):
            frame.unpersist()

    def _read(self, files: Sequence[Path]) -> DataFrame:
        return self._session.read.parquet(*(escaped(file) for file in files))


def _first_of(rows: DataFrame, *key: str) -> DataFrame:
    order = Window.partitionBy(*key).orderBy(*_ORDER)
    return rows.withColumn("place", f.row_number().over(order)).where("place = 1").drop("place")


def _sessions(clicks: DataFrame) -> DataFrame:
    by_user = Window.partitionBy("user_id").orderBy(
        "click_timestamp", "session_id", "source_topic", "source_partition", "source_offset"
    )
    view = "FILTER (WHERE action = 'page_view')"
    return (
        clicks.withColumn("before", f.lag("click_timestamp").over(by_user))
        .withColumn("id_before", f.lag("session_id").over(by_user))
        .withColumn("place", f.row_number().over(by_user))
        .withColumn(
            "begins",
            f.expr(
                f"before IS NULL OR click_timestamp > before + {_GAP} OR NOT session_id <=> id_before"
            ).cast("int"),
        )
        .withColumn("number", f.sum("begins").over(by_user))
        .groupBy("user_id", "number")
        .agg(
            f.expr("max(session_id) AS session_id"),
            f.expr("min(click_timestamp) AS session_start"),
            f.expr("max(click_timestamp) AS session_end"),
            f.expr(
                f"transform(slice(sort_array(collect_list(struct(place, page_url)) {view}), 1, 1000), "
                "p -> p.page_url) AS page_sequence"
            ),
            f.expr(f"count(*) {view} AS page_count"),
            f.expr("count(*) AS click_count"),
            f.expr("min_by(page_url, place) AS entry_page"),
            f.expr("max_by(page_url, place) AS exit_page"),
            f.expr("min_by(referrer_url, place) AS referrer_url"),
            f.expr("min_by(device_type, place) AS device_type"),
        )
        .withColumn("session_key", f.expr("md5(concat_ws(':', session_start, user_id, session_id))"))
        .withColumn("session_duration_ms", f.expr("unix_millis(session_end) - unix_millis(session_start)"))
        .withColumn("is_bounce", f.expr("page_count = 1 AND click_count = 1"))
        .withColumn("session_date", f.to_date("session_start"))
        .withColumn("load_timestamp", f.current_timestamp())
        .drop("number")
    )


def _bounds(rows: DataFrame, low: str, high: str) -> tuple[datetime, datetime]:
    (bounds,) = rows.selectExpr(low, high).collect()
    return bounds[0], bounds[1]


def _days(name: str, low: datetime, high: datetime, before: int = 0) -> str:
    return f"{name} BETWEEN DATE '{low.date()}' - {before} AND DATE '{high.date()}'"
