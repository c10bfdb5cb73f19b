"""A silver merge as one would write it for this one table, with polars and deltalake."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
from deltalake import DeltaTable

HOUR = timedelta(hours=1)


def merge(table: Path, files: Sequence[Path]) -> None:
    """Inserts the events of ``files`` whose event_id is not there within an hour; the first one wins."""
    time = pl.col("event_timestamp")
    new = (
        pl.read_parquet(list(files), hive_partitioning=False)
        .sort("load_timestamp", "source_partition", "source_offset")
        .unique("event_id", keep="first", maintain_order=True)
        .with_columns(
            event_date=time.dt.date(),
            event_hour=time.dt.hour().cast(pl.Int32),
            load_timestamp=pl.lit(datetime.now(UTC)).cast(pl.Datetime("us", "UTC")),
        )
    )
    low, high = new["event_timestamp"].min(), new["event_timestamp"].max()
    assert isinstance(low, datetime) and isinstance(high, datetime)
    stored = (
        pl.scan_delta(str(table))
        .filter(
            pl.col("event_date").is_between(pl.lit((low - HOUR).date()), pl.lit((high + HOUR).date())),
            time.is_between(pl.lit(low - HOUR), pl.lit(high + HOUR)),
        )
        .select("event_id", known_at="event_timestamp")
    )
    seen = (
        new.lazy()
        .select("event_id", "event_timestamp")
        .join(stored, on="event_id")
        .filter((pl.col("known_at") - time).abs() <= HOUR)
        .select("event_id")
    )
    target = DeltaTable(str(table))
    names = target.schema().to_arrow().names
    rows = new.lazy().join(seen, on="event_id", how="anti").select(names).collect()
    rows.sort("event_date", "event_timestamp").write_delta(target, mode="append")
