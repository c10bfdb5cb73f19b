"""The gold tables: what is asked for, computed from silver alone."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa

from lakehouse.datasets.bronze import load_timestamp_column
from lakehouse.datasets.declaration import Column, Dataset, Feed, ReplaceDates, ReplaceHours, ReplaceKeys
from lakehouse.datasets.rules import accepted, in_range, references, totals
from lakehouse.datasets.silver import optional, required

_HOUR = (
    required("metric_date", pa.date32(), "UTC date of the events."),
    required("metric_hour", pa.int32(), "UTC hour of the events, 0–23."),
)
_GOLD_FRESHNESS = timedelta(minutes=10)


def _counts(*columns: tuple[str, str]) -> tuple[Column, ...]:
    return tuple(required(name, pa.int64(), description) for name, description in columns)


def _measures(*columns: tuple[str, str]) -> tuple[Column, ...]:
    return tuple(optional(name, pa.float64(), description) for name, description in columns)


_EVENTS_OF_SILVER = totals(
    "total_events",
    "app_events_silver",
    "COUNT(*)",
    ("metric_date", "event_date"),
    ("metric_hour", "event_hour"),
)

EVENT_METRICS_GOLD = Dataset(
    name="event_metrics_gold",
    layer="gold",
    description="App events by hour, event type and app type.",
    columns=(
        *_HOUR,
        required("event_type", pa.string(), "What happened."),
        required("app_type", pa.string(), "mobile, web or server."),
        *_counts(("total_events", "Events, each counted once."), ("unique_users", "Different user_ids.")),
        *_measures(
            ("min_event_value", "Least event_value; null: none has one."),
            ("max_event_value", "Greatest event_value."),
            ("avg_event_value", "Mean of the event_values there are."),
            ("total_event_value", "Sum of the event_values there are."),
        ),
        load_timestamp_column(),
    ),
    build=ReplaceHours(hour=("metric_date", "metric_hour"), feeds=(Feed(dataset="app_events_silver"),)),
    key=("metric_date", "metric_hour", "event_type", "app_type"),
    partition="metric_date",
    z_order=("event_type",),
    tags=("events", "metrics"),
    upstream=("app_events_silver",),
    freshness=_GOLD_FRESHNESS,
    rules=(in_range("total_events", 1, severity="fail"),),
    set_rules=(_EVENTS_OF_SILVER,),
)

HOURLY_METRICS_GOLD = Dataset(
    name="hourly_metrics_gold",
    layer="gold",
    description="How well the platform and the apps did, by hour.",
    columns=(
        *_HOUR,
        *_counts(("total_events", "Events, each counted once.")),
        *_measures(
            ("avg_response_time_ms", "Mean response time, milliseconds; null: no event has one."),
            ("p50_response_time_ms", "Median, interpolated."),
            ("p95_response_time_ms", "95th percentile, interpolated."),
            ("p99_response_time_ms", "99th percentile, interpolated."),
        ),
        *_counts(
            ("error_count", "Events of type error, with an error code, or a status from 400."),
        ),
        *_measures(("error_rate", "error_count of total_events, 0–1; null: no event.")),
        *_counts(
            ("status_2xx", "Events with a status of 200–299."),
            ("status_3xx", "Events with a status of 300–399."),
            ("status_4xx", "Events with a status of 400–499."),
            ("status_5xx", "Events with a status of 500–599."),
        ),
        *_measures(
            ("ingest_lag_p95_ms", "95th percentile of ingest_timestamp - event_timestamp, milliseconds."),
        ),
        *_counts(
            ("late_events", "Events that came after their 1-minute window was closed."),
            ("dead_letters", "Records refused by ingestion in the hour, as health sampled them."),
            ("quarantined_rows", "Rows refused by silver rules in the hour."),
        ),
        required(
            "health_status", pa.string(), "The worst of the hour: healthy, degraded, unhealthy, unknown."
        ),
        load_timestamp_column(),
    ),
    build=ReplaceHours(
        hour=("metric_date", "metric_hour"),
        feeds=(
            Feed(dataset="app_events_silver"),
            Feed(dataset="platform_metrics_silver"),
            Feed(dataset="quarantine_silver"),
        ),
    ),
    key=("metric_date", "metric_hour"),
    partition="metric_date",
    tags=("metrics", "operations"),
    upstream=("app_events_silver", "platform_metrics_silver", "quarantine_silver"),
    freshness=_GOLD_FRESHNESS,
    rules=(in_range("error_rate", 0, 1, severity="fail"),),
    set_rules=(_EVENTS_OF_SILVER,),
)

DAILY_SUMMARY_GOLD = Dataset(
    name="daily_summary_gold",
    layer="gold",
    description="A UTC date in one row.",
    columns=(
        required("summary_date", pa.date32(), "The UTC date."),
        *_counts(
            ("total_users", "Users with an event or a session."),
            ("new_users", "Those who were never seen before."),
            ("returning_users", "The others."),
        ),
        *_measures(("return_user_percentage", "returning_users of total_users, 0–100.")),
        *_counts(("total_sessions", "Sessions that began on the date.")),
        *_measures(
            ("bounce_rate", "Share of the sessions that are bounces, 0–1; null: no session."),
            ("avg_session_duration_seconds", "Mean duration of the sessions, seconds."),
        ),
        *_counts(("total_events", "Events, each counted once.")),
        *_measures(
            ("total_event_value", "Sum of the event_values."),
            ("retention_d1", "Share of the users seen again a day later; null until that day is closed."),
            ("retention_d7", "Share of the users seen again seven days later."),
        ),
        required("summary_year", pa.int32(), "Year of summary_date."),
        load_timestamp_column(),
    ),
    build=ReplaceDates(
        date="summary_date",
        feeds=(
            Feed(dataset="user_activity_silver", days=(0, 1, 7), stale=(0, -1, -7)),
            Feed(dataset="users_silver", take="all"),
        ),
        closing=(-1, -7),
    ),
    key=("summary_date",),
    partition="summary_year",
    tags=("users", "metrics"),
    upstream=("user_activity_silver", "users_silver"),
    freshness=timedelta(minutes=15),
    set_rules=(
        totals(
            "total_events",
            "user_activity_silver",
            "SUM(total_events)",
            ("summary_date", "activity_date"),
        ),
    ),
)

USER_SEGMENTS_GOLD = Dataset(
    name="user_segments_gold",
    layer="gold",
    description="Each user's segment: how recent, how frequent and of what value, against all others.",
    columns=(
        required("user_id", pa.string(), "The user."),
        required("segment", pa.string(), "VIP, Active, Regular or Inactive."),
        required("engagement_score", pa.float64(), "0–100: recency 40, frequency 30, value 30."),
        required("churn_risk", pa.float64(), "0–1, by days since last seen and the user's own usual gap."),
        required("recommended_action", pa.string(), "reward, upsell, engage or win_back."),
        required("reasons", pa.list_(pa.string()), "Why, in words."),
        required("last_seen_date", pa.date32(), "Last UTC date with activity."),
        required("as_of_date", pa.date32(), "The UTC date that it was computed for."),
        load_timestamp_column(),
    ),
    build=ReplaceKeys(
        feeds=(
            Feed(dataset="user_activity_silver", take="all"),
            Feed(dataset="user_activity_silver", take="changed", relation="changed_activity"),
        ),
        daily=True,
    ),
    key=("user_id",),
    partition="segment",
    tags=("users", "personal"),
    upstream=("user_activity_silver",),
    freshness=timedelta(minutes=15),
    rules=(accepted("segment", ("VIP", "Active", "Regular", "Inactive"), severity="fail"),),
    set_rules=(references("user_id", "users_silver", "user_id"),),
)

GOLD: tuple[Dataset, ...] = (
    EVENT_METRICS_GOLD,
    HOURLY_METRICS_GOLD,
    DAILY_SUMMARY_GOLD,
    USER_SEGMENTS_GOLD,
)
