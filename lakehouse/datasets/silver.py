"""The silver tables: one row a thing, deduplicated and typed."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa

from contracts.sources import APP_EVENTS
from lakehouse.datasets.bronze import landed_columns, load_timestamp_column
from lakehouse.datasets.declaration import Column, Dataset, InsertNew

BRONZE_ORDER = ("arrived_at", "source_partition", "source_offset", "source_timestamp")
"""The order in which rows reached bronze: by commit, then by position. Models select bronze's load_timestamp,
which is later in each commit, as `arrived_at`; it is not a column of the table."""

APP_EVENTS_SILVER = Dataset(
    name="app_events_silver",
    layer="silver",
    description="Each app event once, by event_id; the first that reached bronze wins.",
    columns=(
        *landed_columns(APP_EVENTS),
        Column(
            name="event_date", type=pa.date32(), nullable=False, description="UTC date of event_timestamp."
        ),
        Column(
            name="event_hour",
            type=pa.int32(),
            nullable=False,
            description="UTC hour of event_timestamp, 0–23.",
        ),
        load_timestamp_column(),
    ),
    build=InsertNew(
        key=("event_id",),
        order=BRONZE_ORDER,
        time="event_timestamp",
        within=timedelta(hours=1),
        hour=("event_date", "event_hour"),
    ),
    key=("event_id",),
    time="event_timestamp",
    partition="event_date",
    z_order=("user_id", "event_timestamp"),
    tags=("events", "personal"),
    upstream=(APP_EVENTS.bronze_table,),
)

SILVER: tuple[Dataset, ...] = (APP_EVENTS_SILVER,)
