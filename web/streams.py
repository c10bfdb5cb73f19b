"""What the stream workers know now: the newest windows, open sessions, partitions and lag."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from contracts.heartbeat import FRESH_SECONDS, read_heartbeats
from contracts.settings import Settings
from kafka_cluster.cluster import ClusterManager
from kafka_cluster.state import ConsumerState
from web.queries import Queries

WINDOWS_BACK = timedelta(hours=1)
"""Windows that began longer ago are not listed."""
_WINDOWS = """
SELECT window_start, window_end, sum(event_count)::BIGINT AS events, count(DISTINCT user_id) AS users,
       sum(error_count)::BIGINT AS errors, sum(event_value_sum) AS value, bool_and(is_final) AS is_final
FROM events_aggregated_realtime WHERE window_start >= $since
GROUP BY window_start, window_end ORDER BY window_start DESC LIMIT $limit
"""
_SESSIONS = """
SELECT session_key, user_id, session_start, session_end, duration_ms, page_count, click_count, entry_page,
       exit_page, device_type, is_final, is_late
FROM clickstream_sessions ORDER BY is_final, session_end DESC LIMIT $limit
"""
_OPEN = "SELECT count(*) FILTER (WHERE NOT is_final), count(*) FROM clickstream_sessions"


class Window(Struct, kw_only=True):
    """A minute of app events, as known so far."""

    window_start: datetime
    window_end: datetime
    events: int
    users: int
    errors: int
    value: float | str | None
    """Sum of the events' values; null: none had one."""
    is_final: bool


class Session(Struct, kw_only=True):
    """A session of clicks; not final: it is open."""

    session_key: str
    user_id: str
    session_start: datetime
    session_end: datetime
    duration_ms: int
    page_count: int
    click_count: int
    entry_page: str | None
    exit_page: str | None
    device_type: str | None
    is_final: bool
    is_late: bool


class WorkerPartition(Struct, kw_only=True):
    """One source partition in the hands of a worker."""

    worker: str
    source: str
    partition: int
    position: int | None
    """Source offset up to which its files are written."""
    watermark: datetime | None
    """Event time that it has seen, capped at the broker's clock."""
    pending: int
    """Events that wait for the next flush."""
    lag: int | None
    """Packed records still to read."""


class Streams(Struct, kw_only=True):
    """`GET /streams`."""

    at: datetime
    windows: list[Window]
    """The newest first."""
    sessions: list[Session]
    """Open ones first, the newest first."""
    open_sessions: int
    total_sessions: int
    partitions: list[WorkerPartition]
    broker: str
    """`up`, or why it does not answer."""
    consumers: list[ConsumerState]


async def streams(settings: Settings, queries: Queries, cluster: ClusterManager, limit: int) -> Streams:
    """The live view. Raises QueryError where the queries behind it fail."""
    now = datetime.now(UTC)
    # To the minute, so that watchers share one answer.
    since = (now - WINDOWS_BACK).replace(second=0, microsecond=0).isoformat()
    windows, sessions, counts, state = await asyncio.gather(
        _rows(queries, _WINDOWS, list[Window], {"since": since, "limit": limit}),
        _rows(queries, _SESSIONS, list[Session], {"limit": limit}),
        _rows(queries, _OPEN, list[tuple[int, int]], None),
        asyncio.to_thread(cluster.state),
    )
    ((open_sessions, total),) = counts
    return Streams(
        at=now,
        windows=windows,
        sessions=sessions,
        open_sessions=open_sessions,
        total_sessions=total,
        partitions=await asyncio.to_thread(_partitions, settings),
        broker=state.broker,
        consumers=state.consumers,
    )


async def _rows(queries: Queries, sql: str, kind: Any, parameters: Any) -> Any:
    result = await queries.query(sql, parameters=parameters)
    rows = msgspec.json.decode(result.rows)
    (item,) = kind.__args__
    if issubclass(getattr(item, "__origin__", item), Struct):
        names = [column.name for column in result.columns]
        rows = [dict(zip(names, row, strict=True)) for row in rows]
    return msgspec.convert(rows, kind)


def _partitions(settings: Settings) -> list[WorkerPartition]:
    now = time.time()
    return [
        WorkerPartition(
            worker=name,
            source=source,
            partition=int(number),
            position=said.get("H"),
            watermark=said.get("watermark"),
            pending=said.get("pending", 0),
            lag=said.get("lag"),
        )
        for name, beat in sorted(read_heartbeats(settings).items())
        if now - beat.at <= FRESH_SECONDS
        for source, numbers in beat.details.get("partitions", {}).items()
        for number, said in numbers.items()
    ]
