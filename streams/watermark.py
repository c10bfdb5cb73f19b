"""Event-time progress of a source partition, and what is late by it."""

from __future__ import annotations

import polars as pl
from msgspec import Struct

MICROSECONDS = 1_000_000


class LateRule(Struct, frozen=True):
    """An event is late when its window had ended a grace before the watermark of the file before its own.

    All figures are microseconds. Kafka's own timestamp of the record caps what an event does to the
    watermark, so one fast clock makes nobody else late.
    """

    time_field: str
    window: int
    """Length of the windows; of sessions their gap: how long an event alone keeps its session open."""
    grace: int
    tumbling: bool = True
    """Whether windows begin at multiples of their length; else each event begins one, as in sessions."""

    def horizon(self, watermark: int | None) -> int | None:
        """Windows that end at or before it take no more events; none before the first event."""
        return None if watermark is None else watermark - self.grace

    def window_start(self) -> pl.Expr:
        """Start of an event's window, microseconds since 1970 UTC."""
        time = pl.col(self.time_field).dt.epoch("us")
        return (time // self.window * self.window if self.tumbling else time).alias("window_start")

    def is_late(self, watermark: int | None) -> pl.Expr:
        """Boolean column ``is_late``; ``watermark`` is the one before these events."""
        horizon = self.horizon(watermark)
        if horizon is None:
            return pl.lit(False).alias("is_late")
        return (self.window_start() + self.window <= horizon).alias("is_late")

    def advance(self, watermark: int | None, frame: pl.DataFrame) -> int | None:
        """The watermark after these events."""
        newest: int | None = frame.select(
            pl.min_horizontal(
                pl.col(self.time_field).dt.epoch("us"), pl.col("source_timestamp").dt.epoch("us")
            ).max()
        ).item()
        if newest is None:
            return watermark
        return newest if watermark is None else max(watermark, newest)
