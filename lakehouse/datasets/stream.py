"""The outputs of the stream workers as tables of layer `stream`: read as they are, written by nobody here.

They are Parquet files, not Delta tables; the driver does not know them. Their columns are the contract's.
"""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa

from contracts.landing import CLICKSTREAM_SESSIONS, EVENTS_AGGREGATED_REALTIME, LANDING
from contracts.sources import APP_EVENTS, CDC_CHANGES, CLICKSTREAM, Source
from lakehouse.datasets.declaration import Column, Dataset, FromChain
from lakehouse.datasets.descriptions import DESCRIPTIONS

_DESCRIPTIONS = {
    "window_start": "Start of the window, in event time.",
    "window_end": "End of the window; itself outside.",
    "event_count": "Events of the window, as known so far.",
    "event_value_sum": "Sum of the values; null where no event had one.",
    "event_value_min": "Smallest value.",
    "event_value_max": "Largest value.",
    "error_count": "Events of type error, with an error code or with a status of 400 and above.",
    "first_event_timestamp": "Time of the first event in the window.",
    "last_event_timestamp": "Time of the last event in the window.",
    "session_key": "MD5 of start, user and session_id; of a late fragment of partition and revision as well.",
    "session_start": "Time of the first click.",
    "session_end": "Time of the last click.",
    "duration_ms": "From the first click to the last, milliseconds.",
    "page_count": "Page views.",
    "click_count": "Clicks of any action, page views among them.",
    "page_sequence": "Pages viewed, in order of time; the first 1,000.",
    "entry_page": "Page of the first click.",
    "exit_page": "Page of the last click.",
    "is_bounce": "One page view and no other action.",
    "referrer_url": "Where the first click came from.",
    "device_type": "Device of the first click.",
    "revision": "Source offset that the row knows of its partition.",
    "is_final": "Whether the window or session has ended, its grace included.",
    "is_late": "Whether late events are in it; for sessions: a fragment that late clicks form.",
}

_SESSION = ("user_id", "session_id", "click_timestamp")
_READS: dict[str, tuple[str, ...]] = {
    "window_start": ("event_timestamp",),
    "window_end": ("event_timestamp",),
    "event_value_sum": ("event_value",),
    "event_value_min": ("event_value",),
    "event_value_max": ("event_value",),
    "error_count": ("event_type", "error_code", "status_code"),
    "first_event_timestamp": ("event_timestamp",),
    "last_event_timestamp": ("event_timestamp",),
    "session_key": _SESSION,
    "session_start": ("click_timestamp",),
    "session_end": ("click_timestamp",),
    "duration_ms": ("click_timestamp",),
    "page_count": ("action",),
    "page_sequence": ("page_url", "action", "click_timestamp"),
    "entry_page": ("page_url", "click_timestamp"),
    "exit_page": ("page_url", "click_timestamp"),
    "is_bounce": ("action",),
    "referrer_url": ("referrer_url", "click_timestamp"),
    "device_type": ("device_type", "click_timestamp"),
    "operation": ("op",),
    "is_snapshot": ("op", "source"),
    "connector": ("source",),
    "database": ("source",),
    "schema": ("source",),
    "table": ("source",),
    "commit_timestamp": ("source", "ts_ms"),
    "sequence": ("source",),
    "changed_columns": ("before", "after"),
    "unavailable_columns": ("after",),
    "envelope": ("op", "source", "before", "after", "ts_ms", "transaction"),
}
"""Fields of the events that columns are made of; those that are not here are made of the field of their name,
if there is one. The workers compute them without SQL, so nothing else says it."""


def _stream(
    name: str, source: Source, schema: pa.Schema, *, key: tuple[str, ...], time: str, says: str
) -> Dataset:
    return Dataset(
        name=name,
        layer="stream",
        description=says,
        columns=tuple(
            Column(
                name=field.name,
                type=field.type,
                nullable=field.nullable,
                description=_DESCRIPTIONS.get(field.name) or DESCRIPTIONS.get(field.name, ""),
                reads=_READS.get(field.name, (field.name,)),
            )
            for field in schema
        ),
        build=FromChain(source=source.name),
        key=key,
        time=time,
        tags=("live",),
        freshness=timedelta(minutes=1),
    )


STREAM: tuple[Dataset, ...] = (
    _stream(
        "events_aggregated_realtime",
        APP_EVENTS,
        EVENTS_AGGREGATED_REALTIME,
        key=("source_partition", "window_start", "user_id", "event_type", "app_type"),
        time="last_event_timestamp",
        says="App events by minute, user, event type and app, as the stream workers know them.",
    ),
    _stream(
        "clickstream_sessions",
        CLICKSTREAM,
        CLICKSTREAM_SESSIONS,
        key=("source_partition", "session_key"),
        time="session_end",
        says="Sessions of users, open ones too, as the stream workers know them.",
    ),
    _stream(
        "cdc_transformed",
        CDC_CHANGES,
        LANDING["cdc_changes"],
        key=("change_id",),
        time="commit_timestamp",
        says="Changes of captured databases, decoded, one row each.",
    ),
)
"""The three live outputs."""
