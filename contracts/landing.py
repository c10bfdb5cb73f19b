"""Schemas of the Parquet that stream workers write, as Arrow. Timestamps: UTC, microseconds.

Kept apart from ``contracts.sources`` so that producers need not load Arrow.
"""

from __future__ import annotations

import pyarrow as pa

TIMESTAMP = pa.timestamp("us", tz="UTC")

SOURCE_POSITION = [
    pa.field("source_topic", pa.string(), nullable=False),
    pa.field("source_partition", pa.int32(), nullable=False),
    pa.field("source_offset", pa.int64(), nullable=False),
    pa.field("source_timestamp", TIMESTAMP, nullable=False),
]
"""Where a row comes from; ``source_timestamp`` is Kafka's own timestamp of the record."""

_RECEIVED = [
    *SOURCE_POSITION,
    pa.field("ingest_timestamp", TIMESTAMP, nullable=False),
    pa.field("source_system", pa.string(), nullable=False),
]

_LANDED = [*_RECEIVED, pa.field("is_late", pa.bool_(), nullable=False)]

LANDING: dict[str, pa.Schema] = {
    "app_events": pa.schema(
        [
            pa.field("event_id", pa.string(), nullable=False),
            pa.field("user_id", pa.string(), nullable=False),
            pa.field("session_id", pa.string()),
            pa.field("event_type", pa.string(), nullable=False),
            pa.field("app_type", pa.string(), nullable=False),
            pa.field("platform", pa.string()),
            pa.field("app_version", pa.string()),
            pa.field("country", pa.string()),
            pa.field("event_timestamp", TIMESTAMP, nullable=False),
            pa.field("event_value", pa.float64()),
            pa.field("response_time_ms", pa.float64()),
            pa.field("status_code", pa.int32()),
            pa.field("error_code", pa.string()),
            pa.field("properties", pa.string()),
            *_LANDED,
        ]
    ),
    "clickstream": pa.schema(
        [
            pa.field("click_id", pa.string(), nullable=False),
            pa.field("user_id", pa.string(), nullable=False),
            pa.field("session_id", pa.string()),
            pa.field("click_timestamp", TIMESTAMP, nullable=False),
            pa.field("action", pa.string(), nullable=False),
            pa.field("page_url", pa.string(), nullable=False),
            pa.field("referrer_url", pa.string()),
            pa.field("element", pa.string()),
            pa.field("device_type", pa.string()),
            pa.field("user_agent", pa.string()),
            pa.field("properties", pa.string()),
            *_LANDED,
        ]
    ),
    "users": pa.schema(
        [
            pa.field("user_id", pa.string(), nullable=False),
            pa.field("updated_at", TIMESTAMP, nullable=False),
            pa.field("email_sha256", pa.string()),
            pa.field("name", pa.string()),
            pa.field("country", pa.string()),
            pa.field("plan", pa.string()),
            pa.field("signup_timestamp", TIMESTAMP),
            pa.field("is_active", pa.bool_()),
            pa.field("extra", pa.string()),
            *_LANDED,
        ]
    ),
    "external_data": pa.schema(
        [
            pa.field("record_id", pa.string(), nullable=False),
            pa.field("source", pa.string(), nullable=False),
            pa.field("metric", pa.string(), nullable=False),
            pa.field("value", pa.float64(), nullable=False),
            pa.field("observed_at", TIMESTAMP, nullable=False),
            pa.field("unit", pa.string()),
            pa.field("dimensions", pa.string()),
            pa.field("extra", pa.string()),
            *_LANDED,
        ]
    ),
    "cdc_changes": pa.schema(
        [
            pa.field("change_id", pa.string(), nullable=False),
            pa.field("op", pa.string(), nullable=False),
            pa.field("operation", pa.string(), nullable=False),
            pa.field("is_snapshot", pa.bool_(), nullable=False),
            pa.field("connector", pa.string(), nullable=False),
            pa.field("database", pa.string(), nullable=False),
            pa.field("schema", pa.string()),
            pa.field("table", pa.string(), nullable=False),
            pa.field("key", pa.string()),
            pa.field("before", pa.string()),
            pa.field("after", pa.string()),
            pa.field("changed_columns", pa.list_(pa.string())),
            pa.field("unavailable_columns", pa.list_(pa.string())),
            pa.field("commit_timestamp", TIMESTAMP, nullable=False),
            pa.field("sequence", pa.string(), nullable=False),
            pa.field("envelope", pa.string(), nullable=False),
            *_RECEIVED,
        ]
    ),
}
"""Columns of a chain's files by source name."""

EVENTS_AGGREGATED_REALTIME = pa.schema(
    [
        pa.field("window_start", TIMESTAMP, nullable=False),
        pa.field("window_end", TIMESTAMP, nullable=False),
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("event_type", pa.string(), nullable=False),
        pa.field("app_type", pa.string(), nullable=False),
        pa.field("event_count", pa.int64(), nullable=False),
        pa.field("event_value_sum", pa.float64()),
        pa.field("event_value_min", pa.float64()),
        pa.field("event_value_max", pa.float64()),
        pa.field("error_count", pa.int64(), nullable=False),
        pa.field("first_event_timestamp", TIMESTAMP, nullable=False),
        pa.field("last_event_timestamp", TIMESTAMP, nullable=False),
        pa.field("source_partition", pa.int32(), nullable=False),
        pa.field("revision", pa.int64(), nullable=False),
        pa.field("is_final", pa.bool_(), nullable=False),
        pa.field("is_late", pa.bool_(), nullable=False),
    ]
)
"""`outputs/events_aggregated_realtime`: a source partition's windows as known at one flush."""

CLICKSTREAM_SESSIONS = pa.schema(
    [
        pa.field("session_key", pa.string(), nullable=False),
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("session_start", TIMESTAMP, nullable=False),
        pa.field("session_end", TIMESTAMP, nullable=False),
        pa.field("duration_ms", pa.int64(), nullable=False),
        pa.field("page_count", pa.int64(), nullable=False),
        pa.field("click_count", pa.int64(), nullable=False),
        pa.field("page_sequence", pa.list_(pa.string()), nullable=False),
        pa.field("entry_page", pa.string()),
        pa.field("exit_page", pa.string()),
        pa.field("is_bounce", pa.bool_(), nullable=False),
        pa.field("referrer_url", pa.string()),
        pa.field("device_type", pa.string()),
        pa.field("source_partition", pa.int32(), nullable=False),
        pa.field("revision", pa.int64(), nullable=False),
        pa.field("is_final", pa.bool_(), nullable=False),
        pa.field("is_late", pa.bool_(), nullable=False),
    ]
)
"""`outputs/clickstream_sessions`: a source partition's sessions as known at one flush. A row with
``click_count`` 0 takes its session_key back: the session has become part of another, or begins elsewhere."""

# Parquet key-value metadata of every chain file.
META_LAST_OFFSET = b"dp.last_offset"
META_FIRST_OFFSET = b"dp.first_offset"
META_TOPIC_ID = b"dp.topic_id"
META_WATERMARK = b"dp.watermark"
"""Watermark after the file, microseconds since 1970 UTC as decimal; empty before the first event."""
