"""Tumbling windows by user, event type and app: the open ones of one source partition, as polars frames."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import polars as pl

from contracts.errors import ContractError
from contracts.landing import EVENTS_AGGREGATED_REALTIME
from streams.buckets import BUCKETS, buckets_of
from streams.frames import TIMESTAMP
from streams.watermark import LateRule

KEYS = ("user_id", "event_type", "app_type")
_STATE = {
    "window_start": pl.Int64(),
    "user_id": pl.String(),
    "event_type": pl.String(),
    "app_type": pl.String(),
    "event_count": pl.Int64(),
    "event_value_sum": pl.Float64(),
    "event_value_min": pl.Float64(),
    "event_value_max": pl.Float64(),
    "error_count": pl.Int64(),
    "first_event_timestamp": pl.Int64(),
    "last_event_timestamp": pl.Int64(),
}
_COLUMNS = EVENTS_AGGREGATED_REALTIME.names

IS_ERROR = (
    (pl.col("event_type") == "error")
    | pl.col("error_code").is_not_null()
    | (pl.col("status_code") >= 400).fill_null(False)
)
"""An event counts as an error by its type, its error code or its HTTP status."""


def _sum_or_null(name: str, column: pl.Expr) -> pl.Expr:
    return pl.when(column.count() > 0).then(column.sum()).alias(name)


class WindowState:
    """Open windows of one source partition; implements ``streams.views.ViewState``.

    One frame a window start, so that a flush merges only the minutes that it touches. A window is open until
    its end is at or before the watermark less the grace, which is exactly when its events begin to be late.
    """

    def __init__(self, partition: int, rule: LateRule) -> None:
        self._partition = partition
        self._rule = rule
        self._open: dict[int, pl.DataFrame] = {}
        self._touched: set[int] = set()
        self._closed_idle: set[int] = set()
        self._late: list[pl.DataFrame] = []

    def __len__(self) -> int:
        return sum(frame.height for frame in self._open.values())

    def absorb(self, rows: pl.DataFrame) -> None:
        if rows.height == 0:
            return
        fresh = self._aggregate(rows).with_columns(touched=pl.lit(True))
        for start, part in _by_window(fresh):
            known = self._open.get(start)
            self._open[start] = part if known is None else _merge(pl.concat([known, part]))
            self._touched.add(start)
            self._closed_idle.discard(start)

    def absorb_late(self, rows: pl.DataFrame, revision: int) -> None:
        if rows.height == 0:
            return
        frame = self._aggregate(rows)
        self._late.append(self._view_rows(frame, revision, is_final=True, is_late=True))

    def emit(self, revision: int, watermark: int | None) -> pl.DataFrame:
        horizon = self._rule.horizon(watermark)
        parts = self._late
        self._late = []
        for start in sorted(self._open):
            closed = horizon is not None and start + self._rule.window <= horizon
            if closed:
                frame = self._open.pop(start)
                self._closed_idle.discard(start)
            elif start in self._touched:
                frame = self._open[start].filter("touched")
                self._open[start] = self._open[start].with_columns(touched=pl.lit(False))
            else:
                continue
            parts.append(self._view_rows(frame, revision, is_final=closed, is_late=False))
        self._touched.clear()
        return _together(parts)

    def emit_idle(self, revision: int, closed_before: int) -> pl.DataFrame:
        parts = []
        for start in sorted(self._open.keys() - self._closed_idle):
            if start + self._rule.window <= closed_before:
                self._closed_idle.add(start)
                parts.append(self._view_rows(self._open[start], revision, is_final=True, is_late=False))
        return _together(parts)

    def snapshot(self) -> Iterator[tuple[int, bytes]]:
        state = pl.concat(
            [pl.DataFrame(schema=_STATE), *(frame.select(_STATE.keys()) for frame in self._open.values())]
        )
        parts = state.with_columns(bucket=buckets_of(state["user_id"])).partition_by(
            "bucket", include_key=False, as_dict=True
        )
        for bucket in range(BUCKETS):
            part = parts.get((bucket,))
            if part is None:
                yield bucket, b""
                continue
            content = BytesIO()
            part.write_ipc_stream(content, compression="zstd")
            yield bucket, content.getvalue()

    def restore(self, bucket: int, content: bytes) -> None:
        if not content:
            return
        try:
            state = pl.read_ipc_stream(BytesIO(content)).select(
                pl.col(name).cast(kind) for name, kind in _STATE.items()
            )
        except pl.exceptions.PolarsError as error:
            raise ContractError(f"bucket {bucket} of partition {self._partition}: {error}") from error
        for start, part in _by_window(state.with_columns(touched=pl.lit(False))):
            known = self._open.get(start)
            self._open[start] = part if known is None else _merge(pl.concat([known, part]))

    def _aggregate(self, rows: pl.DataFrame) -> pl.DataFrame:
        time = pl.col(self._rule.time_field).dt.epoch("us")
        value = pl.col("event_value")
        return (
            rows.lazy()
            .group_by(self._rule.window_start(), *KEYS)
            .agg(
                pl.len().cast(pl.Int64).alias("event_count"),
                _sum_or_null("event_value_sum", value),
                value.min().alias("event_value_min"),
                value.max().alias("event_value_max"),
                IS_ERROR.sum().cast(pl.Int64).alias("error_count"),
                time.min().alias("first_event_timestamp"),
                time.max().alias("last_event_timestamp"),
            )
            .collect()
        )

    def _view_rows(
        self, frame: pl.DataFrame, revision: int, *, is_final: bool, is_late: bool
    ) -> pl.DataFrame:
        return frame.with_columns(
            pl.col("window_start").cast(TIMESTAMP),
            (pl.col("window_start") + self._rule.window).cast(TIMESTAMP).alias("window_end"),
            pl.col("first_event_timestamp").cast(TIMESTAMP),
            pl.col("last_event_timestamp").cast(TIMESTAMP),
            pl.lit(self._partition, dtype=pl.Int32).alias("source_partition"),
            pl.lit(revision, dtype=pl.Int64).alias("revision"),
            pl.lit(is_final).alias("is_final"),
            pl.lit(is_late).alias("is_late"),
        ).select(_COLUMNS)


def _by_window(frame: pl.DataFrame) -> Iterator[tuple[int, pl.DataFrame]]:
    for (start,), part in frame.partition_by("window_start", as_dict=True).items():
        yield int(start), part


def _merge(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.group_by("window_start", *KEYS).agg(
        pl.col("event_count").sum(),
        _sum_or_null("event_value_sum", pl.col("event_value_sum")),
        pl.col("event_value_min").min(),
        pl.col("event_value_max").max(),
        pl.col("error_count").sum(),
        pl.col("first_event_timestamp").min(),
        pl.col("last_event_timestamp").max(),
        pl.col("touched").any(),
    )


def _together(parts: list[pl.DataFrame]) -> pl.DataFrame:
    if not parts:
        return pl.DataFrame(schema=dict(pl.Schema(EVENTS_AGGREGATED_REALTIME)))
    return pl.concat(parts)
