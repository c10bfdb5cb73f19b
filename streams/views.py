"""What a view of the stream must be able to do, and the one place where views are plugged in.

A view is what an agent knows besides landing: windows and sessions. Its state belongs to one source
partition, is a pure function of the landing rows that it has absorbed, and is kept in buckets (by a stable
hash of the user) in a Faust table. Because landing is the log, a bucket may be stale: recovery rolls it
forward.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import polars as pl
import pyarrow as pa
from msgspec import Struct

from contracts.landing import CLICKSTREAM_SESSIONS, EVENTS_AGGREGATED_REALTIME
from contracts.settings import Settings
from contracts.sources import APP_EVENTS, CLICKSTREAM, Source
from streams.sessions import SessionState
from streams.watermark import MICROSECONDS, LateRule
from streams.windows import WindowState


class ViewState(Protocol):
    """State of one view for one source partition. Used by one thread at a time.

    Revisions are source offsets: the last one of the landing file that is being absorbed. Times are
    microseconds since 1970 UTC.
    """

    def absorb(self, rows: pl.DataFrame) -> None:
        """Takes new rows that are not late; columns of the landing file."""

    def absorb_late(self, rows: pl.DataFrame, revision: int) -> None:
        """Takes late rows of the landing file that ends at ``revision``."""

    def emit(self, revision: int, watermark: int | None) -> pl.DataFrame:
        """The view's rows that have changed since the last emission, as of ``revision``; what has closed is
        marked final; it leaves the state when no event can reach it any more. May be empty."""

    def emit_idle(self, revision: int, closed_before: int) -> pl.DataFrame:
        """Final rows of what ended before the time ``closed_before`` by wall clock; the state stays."""

    def snapshot(self) -> Iterator[tuple[int, bytes]]:
        """Every bucket with its content; together the whole state after the last emission."""

    def restore(self, bucket: int, content: bytes) -> None:
        """Adds a bucket's content to the state. Raises ContractError for bytes that are no snapshot."""

    def __len__(self) -> int:
        """How many windows or sessions are open."""


class View(Struct, frozen=True, kw_only=True):
    """A view as declared."""

    name: str
    """Folder under the outputs, and table of layer `stream`."""
    schema: pa.Schema
    date_field: str
    """Column whose UTC date is the folder that a row goes to."""
    make: Callable[[int], ViewState]
    """State for a source partition."""


def late_rule(source: Source, settings: Settings) -> LateRule:
    """What late means for a source: the same minute rule for all but clicks, which go by the session gap."""
    streams = settings.streams
    sessions = source is CLICKSTREAM
    return LateRule(
        time_field=source.time_field,
        window=(streams.session_gap_seconds if sessions else streams.window_seconds) * MICROSECONDS,
        grace=streams.grace_seconds * MICROSECONDS,
        tumbling=not sessions,
    )


def view_of(source: Source, settings: Settings) -> View | None:
    """The view that a source's events feed, or none."""
    rule = late_rule(source, settings)
    if source is APP_EVENTS:
        return View(
            name="events_aggregated_realtime",
            schema=EVENTS_AGGREGATED_REALTIME,
            date_field="window_start",
            make=lambda partition: WindowState(partition, rule),
        )
    if source is CLICKSTREAM:
        return View(
            name="clickstream_sessions",
            schema=CLICKSTREAM_SESSIONS,
            date_field="session_start",
            make=lambda partition: SessionState(partition, rule),
        )
    return None
