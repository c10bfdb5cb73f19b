"""The tables that `dp bench api` asks about: real Delta tables by the declared schemas, made up."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
from deltalake import write_deltalake

from contracts.settings import Settings
from lakehouse.datasets import dataset
from lakehouse.storage import tables
from runtime.bench.merge_tables import DAY, KINDS

GOLD_DAYS = 60
EVENT_TYPES = ("page_view", "click", "search", "add_to_cart", "purchase", "login", "logout", "error")
APP_TYPES = ("web", "mobile_ios", "mobile_android")


def fill(settings: Settings, silver_rows: int) -> None:
    """app_events_silver with so many rows over a week, and two months of event_metrics_gold by the hour."""
    events = KINDS["events"]
    events.fill(
        tables.create(settings, events.silver), tables.create(settings, events.bronze), silver_rows, 7
    )
    gold = dataset("event_metrics_gold")
    path = tables.create(settings, gold)
    days = [DAY.date() - timedelta(days=back) for back in range(GOLD_DAYS)]
    for day in days:
        rows = pa.Table.from_pylist([*_metrics(day)], schema=gold.schema)
        write_deltalake(str(path), rows, mode="append", partition_by=[gold.partition])


def _metrics(day: date) -> list[dict[str, object]]:
    return [
        {
            "metric_date": day,
            "metric_hour": hour,
            "event_type": event_type,
            "app_type": app_type,
            "total_events": 100 + hour * number,
            "unique_users": 50 + hour,
            "min_event_value": 1.0,
            "max_event_value": 99.5,
            "avg_event_value": 20.25,
            "total_event_value": 20.25 * (100 + hour * number),
            "load_timestamp": DAY,
        }
        for hour in range(24)
        for number, event_type in enumerate(EVENT_TYPES)
        for app_type in APP_TYPES
    ]
