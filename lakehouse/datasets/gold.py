"""The gold tables: what is asked for, computed from silver alone."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa

from lakehouse.datasets.bronze import load_timestamp_column
from lakehouse.datasets.declaration import Column, Dataset, ReplaceHours

EVENT_METRICS_GOLD = Dataset(
    name="event_metrics_gold",
    layer="gold",
    description="App events by hour, event type and app type.",
    columns=(
        Column(name="metric_date", type=pa.date32(), nullable=False, description="UTC date of the events."),
        Column(
            name="metric_hour", type=pa.int32(), nullable=False, description="UTC hour of the events, 0–23."
        ),
        Column(name="event_type", type=pa.string(), nullable=False, description="What happened."),
        Column(name="app_type", type=pa.string(), nullable=False, description="mobile, web or server."),
        Column(
            name="total_events", type=pa.int64(), nullable=False, description="Events, each counted once."
        ),
        Column(name="unique_users", type=pa.int64(), nullable=False, description="Different user_ids."),
        Column(
            name="min_event_value", type=pa.float64(), description="Least event_value; null: none has one."
        ),
        Column(name="max_event_value", type=pa.float64(), description="Greatest event_value."),
        Column(name="avg_event_value", type=pa.float64(), description="Mean of the event_values there are."),
        Column(name="total_event_value", type=pa.float64(), description="Sum of the event_values there are."),
        load_timestamp_column(),
    ),
    build=ReplaceHours(hour=("metric_date", "metric_hour")),
    key=("metric_date", "metric_hour", "event_type", "app_type"),
    partition="metric_date",
    z_order=("event_type",),
    tags=("events", "metrics"),
    upstream=("app_events_silver",),
    freshness=timedelta(minutes=10),
)

GOLD: tuple[Dataset, ...] = (EVENT_METRICS_GOLD,)
