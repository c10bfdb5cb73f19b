"""The silver tables: one row a thing, deduplicated and typed."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa

from contracts.landing import TIMESTAMP
from contracts.sources import APP_EVENTS, CDC_CHANGES, CLICKSTREAM, EXTERNAL_DATA, USERS
from lakehouse.datasets.bronze import landed_columns, load_timestamp_column
from lakehouse.datasets.declaration import (
    Column,
    Dataset,
    Feed,
    InsertNew,
    Refused,
    ReplaceDates,
    ReplaceKeys,
    Sessions,
    Versions,
)
from lakehouse.datasets.rules import custom, finite, null_share, totals, unique

BRONZE_ORDER = ("arrived_at", "source_partition", "source_offset", "source_timestamp")
"""The order in which rows reached bronze: by commit, then by position. Models select bronze's load_timestamp,
which is later in each commit, as `arrived_at`; it is not a column of the table."""

RETENTION = timedelta(days=365)
"""Of rows that others count by day or hour. What users and entities are computed from is kept for good."""

PLACE = ("source_topic", "source_partition", "source_offset")
"""Where a row comes from, in every table that keeps rows one by one."""

PROFILE = ("email_sha256", "name", "country", "plan", "signup_timestamp", "is_active")
"""Fields of a user record that win one by one."""


def required(name: str, kind: pa.DataType, description: str) -> Column:
    return Column(name=name, type=kind, nullable=False, description=description)


def optional(name: str, kind: pa.DataType, description: str) -> Column:
    return Column(name=name, type=kind, description=description)


APP_EVENTS_SILVER = Dataset(
    name="app_events_silver",
    layer="silver",
    description="Each app event once, by event_id; the first that reached bronze wins.",
    columns=(
        *landed_columns(APP_EVENTS),
        required("event_date", pa.date32(), "UTC date of event_timestamp."),
        required("event_hour", pa.int32(), "UTC hour of event_timestamp, 0–23."),
        load_timestamp_column(),
    ),
    build=InsertNew(
        key=("event_id",),
        order=BRONZE_ORDER,
        time="event_timestamp",
        within=timedelta(hours=1),
        hour=("event_date", "event_hour"),
    ),
    retention=RETENTION,
    key=("event_id",),
    time="event_timestamp",
    partition="event_date",
    z_order=("user_id", "event_timestamp"),
    tags=("events", "personal"),
    upstream=(APP_EVENTS.bronze_table,),
    rules=(
        custom(
            "negative_purchase",
            "event_type = 'purchase' AND event_value < 0",
            "Money spent is not negative.",
        ),
        finite("event_value"),
    ),
    set_rules=(null_share("user_id", 0.0), null_share("event_value", 1.0)),
    row_wise=True,
)

CLICKSTREAM_SILVER = Dataset(
    name="clickstream_silver",
    layer="silver",
    description=(
        "Sessions: clicks of a user with one session_id and no gap over 30 minutes. Each click counts once: "
        "an equal click_id of the same user within the gap is a delivery again."
    ),
    columns=(
        required("session_key", pa.string(), "MD5 of session_start, user_id and session_id."),
        required("user_id", pa.string(), "Whose clicks they are."),
        optional("session_id", pa.string(), "The client's own session."),
        required("session_start", TIMESTAMP, "Time of the first click."),
        required("session_end", TIMESTAMP, "Time of the last click."),
        required("session_duration_ms", pa.int64(), "From the first click to the last, milliseconds."),
        required("page_sequence", pa.list_(pa.string()), "URLs of the first 1,000 page views, in order."),
        required("page_count", pa.int64(), "Page views."),
        required("click_count", pa.int64(), "Clicks of any action."),
        required("entry_page", pa.string(), "URL of the first click."),
        required("exit_page", pa.string(), "URL of the last click."),
        required("is_bounce", pa.bool_(), "Whether it is one page view and no other action."),
        optional("referrer_url", pa.string(), "Referrer of the first click."),
        optional("device_type", pa.string(), "Device of the first click."),
        required("session_date", pa.date32(), "UTC date of session_start."),
        load_timestamp_column(),
    ),
    build=Sessions(),
    retention=RETENTION,
    key=("user_id", "session_start", "session_id"),
    time="session_start",
    until="session_end",
    partition="session_date",
    z_order=("user_id", "session_start"),
    tags=("events", "personal"),
    upstream=(CLICKSTREAM.bronze_table,),
    set_rules=(unique("session_key"),),
)

EXTERNAL_DATA_SILVER = Dataset(
    name="external_data_silver",
    layer="silver",
    description=(
        "Each observation once, by record_id; the first that reached bronze wins. An equal record_id counts "
        "as a duplicate when its observed_at lies within an hour."
    ),
    columns=(
        *landed_columns(EXTERNAL_DATA),
        required("observed_date", pa.date32(), "UTC date of observed_at."),
        required("observed_hour", pa.int32(), "UTC hour of observed_at, 0–23."),
        load_timestamp_column(),
    ),
    build=InsertNew(
        key=("record_id",),
        order=BRONZE_ORDER,
        time="observed_at",
        within=timedelta(hours=1),
        hour=("observed_date", "observed_hour"),
    ),
    retention=RETENTION,
    key=("record_id",),
    time="observed_at",
    partition="observed_date",
    z_order=("source", "metric"),
    tags=("external",),
    upstream=(EXTERNAL_DATA.bronze_table,),
    rules=(finite("value"),),
    set_rules=(null_share("unit", 1.0),),
    row_wise=True,
)

ENTITIES_SILVER = Dataset(
    name="entities_silver",
    layer="silver",
    description=(
        "Versions of captured rows (SCD 2) in the order of the database's log; those that are current are "
        "the tables as they are now (SCD 1)."
    ),
    columns=(
        required("database", pa.string(), "Database of the captured table."),
        optional("schema", pa.string(), "Its schema, where the database has schemas."),
        required("table", pa.string(), "The captured table."),
        required("key", pa.string(), "Primary key of the row, as JSON text."),
        optional("row", pa.string(), "The row as JSON text; null: it is gone."),
        required("operation", pa.string(), "INSERT, UPDATE, DELETE or TRUNCATE: what made this version."),
        required("is_snapshot", pa.bool_(), "Whether a snapshot read it."),
        required("sequence", pa.string(), "Position in the database's log, as text that sorts in its order."),
        required("valid_from", TIMESTAMP, "When the database committed it."),
        optional("valid_to", TIMESTAMP, "When the next version was committed; null: there is none."),
        required("is_current", pa.bool_(), "Whether it is the row as it is now."),
        required("is_deleted", pa.bool_(), "Whether the row is gone since valid_from."),
        required("source_topic", pa.string(), "Kafka topic that the change came through."),
        required("source_partition", pa.int32(), "Its partition."),
        required("source_offset", pa.int64(), "Its offset."),
        load_timestamp_column(),
    ),
    build=Versions(),
    key=("database", "schema", "table", "key", "sequence", "operation", "source_partition", "source_offset"),
    time="valid_from",
    partition="table",
    z_order=("key",),
    tags=("cdc", "personal"),
    upstream=(CDC_CHANGES.bronze_table,),
    rules=(custom("key_missing", "key IS NULL AND operation <> 'TRUNCATE'", "A change has a primary key."),),
)

USER_ACTIVITY_SILVER = Dataset(
    name="user_activity_silver",
    layer="silver",
    description="What each user did on each date, in sums.",
    columns=(
        required("user_id", pa.string(), "The user."),
        required("activity_date", pa.date32(), "UTC date of the events and of the sessions' starts."),
        required("total_events", pa.int64(), "App events, each counted once."),
        required("total_sessions", pa.int64(), "Sessions of clicks that began on the date."),
        required("bounced_sessions", pa.int64(), "Those of one page view and no other action."),
        required("session_duration_ms", pa.int64(), "Sum of the sessions' durations, milliseconds."),
        optional("event_value_sum", pa.float64(), "Sum of the event_values there are; null: there is none."),
        required(
            "error_count", pa.int64(), "Events of type error, with an error code, or a status from 400."
        ),
        required("first_event_at", TIMESTAMP, "Earliest event or session start of the date."),
        required("last_event_at", TIMESTAMP, "Latest event or session end."),
        load_timestamp_column(),
    ),
    build=ReplaceDates(
        date="activity_date",
        feeds=(
            Feed(dataset="app_events_silver", take="added"),
            Feed(dataset="clickstream_silver", take="added"),
            Feed(
                dataset="clickstream_silver",
                take="removed",
                relation="replaced_sessions",
                extremes=("session_start", "session_end"),
            ),
            Feed(dataset="user_activity_silver", take="stored", relation="stored_activity", stale=()),
        ),
    ),
    key=("user_id", "activity_date"),
    time="last_event_at",
    partition="activity_date",
    z_order=("user_id",),
    tags=("users", "personal"),
    upstream=("app_events_silver", "clickstream_silver"),
    freshness=timedelta(minutes=10),
    set_rules=(
        unique("user_id", "activity_date"),
        totals("total_events", "app_events_silver", "COUNT(*)", ("activity_date", "event_date")),
        totals("total_sessions", "clickstream_silver", "COUNT(*)", ("activity_date", "session_date")),
    ),
)

USERS_SILVER = Dataset(
    name="users_silver",
    layer="silver",
    description="Each user once: the profile, field by field of the latest record, and totals.",
    columns=(
        required("user_id", pa.string(), "The user."),
        optional("first_seen_date", pa.date32(), "First UTC date with activity; null: none yet."),
        optional("last_seen_date", pa.date32(), "Last UTC date with activity."),
        required("total_events", pa.int64(), "App events, each counted once."),
        required("total_sessions", pa.int64(), "Sessions of clicks."),
        required("total_event_value", pa.float64(), "Sum of the event_values."),
        *(
            Column(name=column.name, type=column.type, description=column.description)
            for column in landed_columns(USERS)
            if column.name in PROFILE
        ),
        optional("updated_at", TIMESTAMP, "Time of the latest profile record."),
        *(optional(f"{name}_updated_at", TIMESTAMP, f"Since when {name} holds.") for name in PROFILE),
        load_timestamp_column(),
    ),
    build=ReplaceKeys(
        feeds=(
            Feed(dataset="user_activity_silver", take="all"),
            Feed(dataset="user_activity_silver", take="changed", relation="changed_activity"),
            Feed(dataset=USERS.bronze_table, take="added"),
            Feed(dataset="users_silver", take="stored", relation="stored_users", stale=()),
        ),
        moved="first_seen_date",
    ),
    key=("user_id",),
    z_order=("user_id",),
    tags=("users", "personal"),
    upstream=("user_activity_silver", USERS.bronze_table),
    freshness=timedelta(minutes=10),
    set_rules=(
        unique("user_id"),
        totals("total_events", "user_activity_silver", "SUM(total_events)", ("user_id", "user_id")),
    ),
)

QUARANTINE_SILVER = Dataset(
    name="quarantine_silver",
    layer="silver",
    description="Rows that a silver rule refused, with the rule.",
    columns=(
        required("dataset", pa.string(), "The table that the row was kept out of."),
        required("rule", pa.string(), "Name of the first rule that it fails."),
        required("severity", pa.string(), "Severity of the rule."),
        required("reason", pa.string(), "What the rule asks for."),
        required("row", pa.string(), "The row as JSON text."),
        *(column for column in landed_columns(APP_EVENTS) if column.name in PLACE),
        required("quarantined_at", TIMESTAMP, "When it was refused."),
        load_timestamp_column(),
    ),
    build=Refused(),
    retention=RETENTION,
    key=("dataset", "source_topic", "source_partition", "source_offset"),
    time="quarantined_at",
    partition="dataset",
    z_order=("source_offset",),
    tags=("quality", "personal"),
    upstream=("app_events_silver", "external_data_silver", "entities_silver"),
)

SILVER: tuple[Dataset, ...] = (
    APP_EVENTS_SILVER,
    CLICKSTREAM_SILVER,
    EXTERNAL_DATA_SILVER,
    ENTITIES_SILVER,
    USER_ACTIVITY_SILVER,
    USERS_SILVER,
    QUARANTINE_SILVER,
)
