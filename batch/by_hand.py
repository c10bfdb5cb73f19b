"""A silver merge as one would write it for this one table, in PySpark; to measure the engine against."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from delta.tables import DeltaTable
from pyspark.sql import Column, SparkSession, Window
from pyspark.sql import functions as f

from batch.engine import SparkEngine
from batch.frames import escaped


class MergeByHand:
    """In the engine's own session, which both share in turn. Delta's merge, restricted to the days and hours
    that the new events touch."""

    def __init__(self, engine: SparkEngine) -> None:
        self._session: SparkSession = engine._connected()

    def __call__(self, table: Path, files: Sequence[Path]) -> None:
        order = Window.partitionBy("event_id").orderBy("load_timestamp", "source_partition", "source_offset")
        new = (
            self._session.read.parquet(*(escaped(file) for file in files))
            .withColumn("place", f.row_number().over(order))
            .where("place = 1")
            .withColumn("event_date", f.to_date("event_timestamp"))
            .withColumn("event_hour", f.hour("event_timestamp"))
            .withColumn("load_timestamp", f.current_timestamp())
            .cache()
        )
        (bounds,) = new.selectExpr(
            "min(event_timestamp) - INTERVAL 1 HOUR",
            "max(event_timestamp) + INTERVAL 1 HOUR",
            "date(min(event_timestamp) - INTERVAL 1 HOUR)",
            "date(max(event_timestamp) + INTERVAL 1 HOUR)",
        ).collect()
        low, high, first, last = bounds
        target = DeltaTable.forPath(self._session, str(table))
        columns: dict[str, str | Column] = {name: f"n.{name}" for name in target.toDF().columns}
        near = (
            f"t.event_date BETWEEN DATE '{first}' AND DATE '{last}' "
            f"AND t.event_timestamp BETWEEN TIMESTAMP '{low}' AND TIMESTAMP '{high}' "
            "AND t.event_id = n.event_id "
            "AND abs(unix_micros(t.event_timestamp) - unix_micros(n.event_timestamp)) <= 3600000000"
        )
        (target.alias("t").merge(new.alias("n"), near).whenNotMatchedInsert(values=columns).execute())
        new.unpersist()
