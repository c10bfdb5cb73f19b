"""Rows of the stream's views, and files of them as a stream worker names them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from contracts.layout import view_folder
from contracts.settings import Settings
from lakehouse.reading.view_files import VIEWS

TOPIC = "q1Sh-9_ySYaDkZDXgyWP6g"
DAY = date(2026, 3, 5)


def window(minute: int, user: str, count: int, *, day: date = DAY, **values: Any) -> dict[str, Any]:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minute)
    row = {
        "window_start": start,
        "window_end": start + timedelta(minutes=1),
        "user_id": user,
        "event_type": "purchase",
        "app_type": "web",
        "event_count": count,
        "event_value_sum": 10.0 * count,
        "event_value_min": 10.0,
        "event_value_max": 10.0,
        "error_count": 0,
        "first_event_timestamp": start,
        "last_event_timestamp": start,
        "source_partition": 0,
        "is_final": True,
        "is_late": False,
    }
    return {**row, **values}


def session(key: str, user: str, seconds: int, *, day: date = DAY, bounce: bool = False) -> dict[str, Any]:
    start = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
    row = dict.fromkeys(VIEWS["clickstream_sessions"].schema.names)
    return row | {
        "session_key": key,
        "user_id": user,
        "session_start": start,
        "session_end": start + timedelta(seconds=seconds),
        "duration_ms": seconds * 1000,
        "page_count": 1,
        "click_count": 1,
        "page_sequence": ["/"],
        "is_bounce": bounce,
        "source_partition": 0,
        "is_final": True,
        "is_late": False,
    }


class Views:
    """Writes view files as a stream worker names them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._number = 0

    def add(
        self, rows: Sequence[dict[str, Any]], revision: int, view: str = "events_aggregated_realtime"
    ) -> Path:
        day = rows[0]["window_start" if "window_start" in rows[0] else "session_start"].date()
        folder = view_folder(self._settings, view) / f"date={day}" / f"topic_id={TOPIC}"
        folder.mkdir(parents=True, exist_ok=True)
        self._number += 1
        partition = rows[0]["source_partition"]
        path = folder / f"{partition:05d}-{revision:020d}-{self._number:012x}.parquet"
        schema = VIEWS[view].schema
        pq.write_table(pa.Table.from_pylist([{**row, "revision": revision} for row in rows], schema), path)
        return path
