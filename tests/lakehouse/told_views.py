"""The stream's views as workers would have told them of given rows: more than once, some of it late. And the
batch jobs' results of the same rows in plain Python."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Any

from tests.lakehouse import recomputed
from tests.lakehouse.view_rows import Views, session, window

Row = dict[str, Any]


def tell(views: Views, events: list[Row], clicks: list[Row], seed: int) -> list[Row]:
    """Writes both views of every delivery there was; returns the sessions as `recomputed` has them.

    Windows come open and again final, a tenth of the events as late rows of their own; sessions come open and
    again final.
    """
    chance = random.Random(seed)
    late = [event for event in events if chance.random() < 0.1]
    known = [event for event in events if not any(event is other for other in late)]
    half = [event for event in known if chance.random() < 0.5]
    for rows, revision, flags in (
        (half, 10, {"is_final": False}),
        (known, 20, {}),
        (known, 20, {}),
        (late[::2], 21, {"is_late": True}),
        (late[1::2], 22, {"is_late": True}),
        (late[1::2], 22, {"is_late": True}),
    ):
        _add(views, [_window(*group, flags) for group in _windows(rows)], revision, "window_start")
    sessions: list[Row] = []
    told: list[Row] = []
    for partition in sorted({click["source_partition"] for click in clicks}):
        for found in recomputed.sessions(c for c in clicks if c["source_partition"] == partition):
            sessions.append(found)
            row = session(f"{partition}-{found['session_key']}", found["user_id"], 0)
            row |= {name: found[name] for name in found if name in row and name != "session_key"}
            told.append(row | {"duration_ms": found["session_duration_ms"], "source_partition": partition})
    _add(
        views,
        [{**row, "click_count": 1, "duration_ms": 0, "is_final": False} for row in told],
        10,
        "session_start",
    )
    _add(views, told, 20, "session_start")
    return sessions


def _add(views: Views, rows: Iterable[Row], revision: int, time: str) -> None:
    view = "events_aggregated_realtime" if time == "window_start" else "clickstream_sessions"
    files: dict[tuple[date, int], list[Row]] = defaultdict(list)
    for row in rows:
        files[row[time].date(), row["source_partition"]].append(row)
    for rows_of_file in files.values():
        views.add(rows_of_file, revision, view)


def _windows(events: Iterable[Row]) -> list[tuple[tuple[Any, ...], list[Row]]]:
    return _grouped(
        events,
        lambda e: (
            e["source_partition"],
            e["event_timestamp"].replace(second=0, microsecond=0),
            e["user_id"],
            e["event_type"],
            e["app_type"],
        ),
    )


def _window(key: tuple[Any, ...], events: list[Row], flags: Row) -> Row:
    partition, start, user, event_type, app_type = key
    values = [event["event_value"] for event in events if event["event_value"] is not None]
    at = (start - datetime(start.year, start.month, start.day, tzinfo=UTC)).seconds // 60
    return window(
        at,
        user,
        len(events),
        day=start.date(),
        event_type=event_type,
        app_type=app_type,
        source_partition=partition,
        event_value_sum=math.fsum(values) if values else None,
        event_value_min=min(values, default=None),
        event_value_max=max(values, default=None),
        error_count=sum(map(recomputed.is_error, events)),
        **flags,
    )


def hourly_aggregates(events: Iterable[Row]) -> list[Row]:
    """The mean is over the events of those windows that have a value: a view does not say how many had."""
    result = []
    for (day, hour, event_type, app_type), rows in _grouped(
        events,
        lambda e: (
            e["event_timestamp"].date(),
            e["event_timestamp"].hour,
            e["event_type"],
            e["app_type"],
        ),
    ):
        values = [row["event_value"] for row in rows if row["event_value"] is not None]
        valued = [group for _, group in _windows(rows) if any(e["event_value"] is not None for e in group)]
        total = math.fsum(values) if values else None
        result.append(
            {
                "metric_date": day,
                "metric_hour": hour,
                "event_type": event_type,
                "app_type": app_type,
                "event_count": len(rows),
                "unique_users": len({row["user_id"] for row in rows}),
                "event_value_sum": total,
                "event_value_min": min(values, default=None),
                "event_value_max": max(values, default=None),
                "event_value_avg": None if total is None else total / sum(map(len, valued)),
                "error_count": sum(map(recomputed.is_error, rows)),
            }
        )
    return result


def _grouped(
    rows: Iterable[Row], key: Callable[[Row], tuple[Any, ...]]
) -> list[tuple[tuple[Any, ...], list[Row]]]:
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return list(groups.items())
