"""The tables that `dp bench medallion` merges into, and the new rows, made up: equal for both sides."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, write_deltalake

from lakehouse.datasets import Dataset, dataset
from lakehouse.storage import commits

DAY = datetime(2026, 3, 5, tzinfo=UTC)
DAY_MICROS = 86_400_000_000
LATE_DAYS = 30
NEWEST_MICROS = 600_000_000
"""The newest rows are of the last ten minutes of the day."""
CHUNK = 250_000
"""Rows of one file of the tables that are merged into: in the order of time, as they would have come."""
SESSION_CLICKS = 10
CLICK_EVERY = 60_000_000
"""Microseconds from one click of a session to its next."""
SESSION_MICROS = (SESSION_CLICKS - 1) * CLICK_EVERY
USERS = 100_000

_PAGES = [f"https://shop.example/page-{number}" for number in range(SESSION_CLICKS)]


class Kind(Protocol):
    """A silver table and the bronze table that it follows."""

    silver: Dataset
    bronze: Dataset

    def fill(self, silver: Path, bronze: Path, size: int, days: int) -> None:
        """Both tables, with ``size`` events evenly over the days; silver's position is bronze's version."""

    def new(self, size: int, count: int, days: int, number: int) -> pa.Table:
        """Bronze's rows of ``count`` new events, one in fifty of them twice."""


class Events:
    """app_events_silver: one row an event, inserted where its key is new."""

    silver = dataset("app_events_silver")
    bronze = dataset("app_events_bronze")

    def fill(self, silver: Path, bronze: Path, size: int, days: int) -> None:
        for numbers in _chunks(size):
            at = (numbers / size * days * DAY_MICROS).astype("int64")
            _append(silver, self.silver, self.rows(self.silver, at, numbers, days), bronze)

    def new(self, size: int, count: int, days: int, number: int) -> pa.Table:
        chance = np.random.default_rng(number)
        at = _new_times(chance, count, days)
        ids = _some_twice(count)
        return self.rows(self.bronze, at[ids], 10**12 + number * 10**9 + ids, days)

    def rows(self, declared: Dataset, at: Any, ids: Any, days: int) -> pa.Table:
        """Rows of events with these numbers, at these microseconds of the days."""
        users = _texts("user-", ids % USERS)
        return _table(
            declared,
            at,
            days,
            {
                "event_id": _texts("0b8d1c6e-5f1f-4c3a-9d2e-", ids),
                "user_id": users,
                "session_id": users,
                "source_offset": pa.array(ids),
                "event_type": pa.repeat("page_view", len(ids)),
            },
        )


class Sessions:
    """clickstream_silver: sessions of ten clicks, nine minutes long; new clicks lengthen or begin some.

    Half of the new clicks are of users whose session is one of the last 5,000 (or, if late, of any); the
    others are of users that have none. Each user has five of them.
    """

    silver = dataset("clickstream_silver")
    bronze = dataset("clickstream_bronze")

    def fill(self, silver: Path, bronze: Path, size: int, days: int) -> None:
        sessions = np.arange(size // SESSION_CLICKS)
        starts = self._starts(sessions, size, days)
        at = (starts[:, None] + np.arange(SESSION_CLICKS) * CLICK_EVERY).ravel()
        order = np.argsort(at, kind="stable")
        for places in np.array_split(order, max(len(order) // CHUNK, 1)):
            rows = self._clicks(at[places], places // SESSION_CLICKS, places, days)
            _append(bronze, self.bronze, rows, None)
        for numbers in np.array_split(sessions, max(len(sessions) // CHUNK, 1)):
            _append(silver, self.silver, self._sessions(starts[numbers], numbers, days), bronze)

    def new(self, size: int, count: int, days: int, number: int) -> pa.Table:
        chance = np.random.default_rng(number)
        total = size // SESSION_CLICKS
        users = count // 5
        first = max(total - users // 2, 0) if days == 1 else 0
        known = chance.integers(first, total, users)
        fresh = 10**12 + number * 10**9 + np.arange(users)
        sessions = np.where(np.arange(users) % 2 == 0, known, fresh)[np.arange(count) % users]
        at = _new_times(chance, count, days)
        if days > 1:
            within = self._starts(np.minimum(sessions, total), size, days) + chance.integers(
                0, SESSION_MICROS, count
            )
            at = np.where(sessions < total, within, at)
        ids = _some_twice(count)
        return self._clicks(at[ids], sessions[ids], 10**12 + number * 10**9 + ids, days)

    def _starts(self, sessions: Any, size: int, days: int) -> Any:
        span = days * DAY_MICROS - SESSION_MICROS
        return (sessions / (size // SESSION_CLICKS) * span).astype("int64")

    def _clicks(self, at: Any, sessions: Any, ids: Any, days: int) -> pa.Table:
        return _table(
            self.bronze,
            at,
            days,
            {
                "click_id": _texts("7c1e4a52-9b0d-4e7f-8a36-", ids),
                **_visitor(sessions),
                "action": pa.repeat("page_view", len(ids)),
                "page_url": _texts("https://shop.example/page-", ids % SESSION_CLICKS),
                "source_offset": pa.array(ids),
            },
        )

    def _sessions(self, starts: Any, sessions: Any, days: int) -> pa.Table:
        count = len(sessions)
        return _table(
            self.silver,
            starts,
            days,
            {
                "session_key": _texts("0cc175b9c0f1b6a831c399e2", sessions),
                **_visitor(sessions),
                "session_end": _times(starts + SESSION_MICROS, days),
                "page_sequence": pa.array([_PAGES] * count),
                "session_duration_ms": pa.repeat(SESSION_MICROS // 1000, count),
                "page_count": pa.repeat(SESSION_CLICKS, count),
                "click_count": pa.repeat(SESSION_CLICKS, count),
            },
        )


KINDS: dict[str, Kind] = {"events": Events(), "sessions": Sessions()}


def _chunks(size: int) -> Iterator[Any]:
    for start in range(0, size, CHUNK):
        yield np.arange(start, min(start + CHUNK, size))


def _append(path: Path, declared: Dataset, rows: pa.Table, upstream: Path | None) -> None:
    """One file of a table that exists. Where it has an upstream, that is in it up to its newest version."""
    metadata = {} if upstream is None else {"source_version": DeltaTable(str(upstream)).version(), "txn": 0}
    write_deltalake(
        str(path),
        rows,
        mode="append",
        partition_by=[declared.partition],
        commit_properties=CommitProperties(custom_metadata=commits.as_custom_metadata(metadata)),
    )


def _new_times(chance: Any, count: int, days: int) -> Any:
    if days == 1:
        return DAY_MICROS - 1 - chance.integers(0, NEWEST_MICROS, count)
    return chance.integers(0, days * DAY_MICROS, count)


def _some_twice(count: int) -> Any:
    ids = np.arange(count)
    ids[::50] = ids[1::50][: len(ids[::50])]
    return ids


def _visitor(sessions: Any) -> dict[str, Any]:
    users = np.where(sessions < 10**12, sessions % USERS, sessions)
    return {"user_id": _texts("user-", users), "session_id": _texts("session-", sessions)}


def _table(declared: Dataset, at: Any, days: int, given: dict[str, Any]) -> pa.Table:
    """Rows at these microseconds of the days that end with ``DAY``, with something in every column."""
    times = _times(at, days)
    columns = []
    for field in declared.schema:
        if field.name in given:
            columns.append(given[field.name].cast(field.type))
        elif pa.types.is_timestamp(field.type):
            columns.append(times)
        elif field.name.endswith("_date"):
            columns.append(times.cast(pa.date32()))
        elif field.name.endswith("_hour"):
            columns.append(pa.array(at // 3_600_000_000 % 24, field.type))
        else:
            columns.append(pa.repeat(_filler(field.type), len(at)).cast(field.type))
    return pa.Table.from_arrays(columns, schema=declared.schema)


def _times(at: Any, days: int) -> pa.Array:
    base = DAY - timedelta(days=days - 1)
    return pa.array(at + int(base.timestamp() * 1e6), pa.int64()).cast(pa.timestamp("us", "UTC"))


def _texts(prefix: str, numbers: Any) -> pa.Array:
    return pc.binary_join_element_wise(prefix, pa.array(numbers).cast(pa.string()), "")


def _filler(kind: pa.DataType) -> Any:
    if pa.types.is_list(kind):
        return pa.scalar([], kind)
    if pa.types.is_boolean(kind):
        return False
    return "some text" if pa.types.is_string(kind) else 200
