"""The relation `parameters`: one row that every model may read, from the settings and the clock."""

from __future__ import annotations

from datetime import date

import pyarrow as pa

from contracts.settings import Settings
from lakehouse.engine import Input

NAME = "parameters"

SCHEMA = pa.schema(
    [
        ("as_of_date", pa.date32()),
        ("session_gap_us", pa.int64()),
        ("segment_days", pa.int32()),
        ("inactive_days", pa.int32()),
        ("vip_score", pa.float64()),
        ("active_score", pa.float64()),
        ("recency_weight", pa.float64()),
        ("frequency_weight", pa.float64()),
        ("value_weight", pa.float64()),
    ]
)
"""`as_of_date`: the UTC date of the run; the gap of sessions in microseconds; `segments` of the settings."""


def parameters(settings: Settings, today: date) -> Input:
    """The relation as an input of a task."""
    segments = settings.segments
    row = {
        "as_of_date": today,
        "session_gap_us": settings.streams.session_gap_seconds * 1_000_000,
        "segment_days": segments.days,
        "inactive_days": segments.inactive_days,
        "vip_score": segments.vip_score,
        "active_score": segments.active_score,
        "recency_weight": segments.recency_weight,
        "frequency_weight": segments.frequency_weight,
        "value_weight": segments.value_weight,
    }
    return Input(name=NAME, schema=SCHEMA, rows=pa.Table.from_pylist([row], SCHEMA))
