"""Silver merges as one would write them for these very tables, with polars and deltalake."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
from deltalake import DeltaTable

HOUR = timedelta(hours=1)
GAP = timedelta(minutes=30)
BRONZE_ORDER = ("load_timestamp", "source_partition", "source_offset")


def merge_events(table: Path, source: Path, files: Sequence[Path]) -> None:
    """Inserts the events of ``files`` whose event_id is not there within an hour; the first one wins."""
    time = pl.col("event_timestamp")
    new = (
        pl.read_parquet(list(files), hive_partitioning=False)
        .sort(BRONZE_ORDER)
        .unique("event_id", keep="first", maintain_order=True)
        .with_columns(
            event_date=time.dt.date(),
            event_hour=time.dt.hour().cast(pl.Int32),
            load_timestamp=pl.lit(datetime.now(UTC)).cast(pl.Datetime("us", "UTC")),
        )
    )
    low, high = _bounds(new["event_timestamp"])
    stored = (
        pl.scan_delta(str(table))
        .filter(
            _days("event_date", low - HOUR, high + HOUR),
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


def merge_sessions(table: Path, source: Path, files: Sequence[Path]) -> None:
    """Computes the sessions that the clicks of ``files`` touch anew from ``source``, all clicks."""
    time = pl.col("click_timestamp")
    new = pl.read_parquet(list(files), hive_partitioning=False, columns=["user_id", "click_timestamp"])
    low, high = _bounds(new["click_timestamp"])
    users = new.group_by("user_id").agg(low=time.min(), high=time.max())
    touched = (
        pl.scan_delta(str(table))
        .filter(
            _days("session_date", low - GAP - timedelta(days=1), high + GAP),
            pl.col("session_start") <= pl.lit(high + GAP),
            pl.col("session_end") >= pl.lit(low - GAP),
        )
        .select("user_id", "session_start", "session_end", "session_id")
        .join(users.lazy(), on="user_id")
        .filter(pl.col("session_start") <= pl.col("high") + GAP, pl.col("session_end") >= pl.col("low") - GAP)
        .collect()
    )
    stretches = (
        pl.concat([users, touched.select("user_id", low="session_start", high="session_end")], how="vertical")
        .group_by("user_id")
        .agg(pl.col("low").min(), pl.col("high").max())
    )
    low, high = _bounds(stretches["low"])[0], _bounds(stretches["high"])[1]
    clicks = (
        pl.scan_delta(str(source))
        .filter(_days("click_date", low, high), time.is_between(pl.lit(low), pl.lit(high)))
        .join(stretches.lazy(), on="user_id")
        .filter(time.is_between(pl.col("low"), pl.col("high")))
        .sort(*BRONZE_ORDER)
        .unique(["user_id", "click_id"], keep="first", maintain_order=True)
        .sort("user_id", "click_timestamp", "session_id", "source_topic", "source_partition", "source_offset")
    )
    rows = _sessions(clicks)
    target = DeltaTable(str(table))
    names = target.schema().to_arrow().names
    key = ["user_id", "session_start", "session_id"]
    gone = touched.select(key).join(rows, on=key, how="anti", nulls_equal=True)
    source_rows = pl.concat(
        [rows.with_columns(gone=pl.lit(False)), gone.with_columns(gone=pl.lit(True))], how="diagonal"
    )
    first, last = _bounds(source_rows["session_start"])
    (
        target.merge(
            source_rows.to_arrow(),
            f"t.session_date BETWEEN DATE '{first.date()}' AND DATE '{last.date()}' "
            "AND t.user_id = s.user_id AND t.session_start = s.session_start "
            "AND t.session_id IS NOT DISTINCT FROM s.session_id",
            source_alias="s",
            target_alias="t",
        )
        .when_matched_delete("s.gone")
        .when_matched_update({name: f"s.{name}" for name in names})
        .when_not_matched_insert({name: f"s.{name}" for name in names})
        .execute()
    )


def _sessions(clicks: pl.LazyFrame) -> pl.DataFrame:
    time, view = pl.col("click_timestamp"), pl.col("action") == "page_view"
    begins = (
        (time - time.shift() > GAP).fill_null(True)
        | pl.col("session_id").ne_missing(pl.col("session_id").shift())
    ).over("user_id")
    start = pl.col("session_start")
    return (
        clicks.with_columns(number=begins.cum_sum().over("user_id"))
        .group_by("user_id", "number", maintain_order=True)
        .agg(
            pl.col("session_id").first(),
            session_start=time.first(),
            session_end=time.last(),
            page_sequence=pl.col("page_url").filter(view).head(1000),
            page_count=view.sum().cast(pl.Int64),
            click_count=pl.len().cast(pl.Int64),
            entry_page=pl.col("page_url").first(),
            exit_page=pl.col("page_url").last(),
            referrer_url=pl.col("referrer_url").first(),
            device_type=pl.col("device_type").first(),
        )
        .with_columns(
            session_key=pl.concat_str(start.dt.epoch("us"), "user_id", "session_id", separator=":"),
            session_duration_ms=(pl.col("session_end") - start).dt.total_milliseconds(),
            is_bounce=(pl.col("page_count") == 1) & (pl.col("click_count") == 1),
            session_date=start.dt.date(),
            load_timestamp=pl.lit(datetime.now(UTC)).cast(pl.Datetime("us", "UTC")),
        )
        .drop("number")
        .collect()
    )


def _days(name: str, low: datetime, high: datetime) -> pl.Expr:
    return pl.col(name).is_between(pl.lit(low.date()), pl.lit(high.date()))


def _bounds(times: pl.Series) -> tuple[datetime, datetime]:
    low, high = times.min(), times.max()
    assert isinstance(low, datetime) and isinstance(high, datetime)
    return low, high
