"""The journey of an event, from files made by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, write_deltalake

from contracts.landing import LANDING
from contracts.layout import chain_file_name, chain_folder, table_path
from contracts.settings import Settings
from contracts.sources import APP_EVENTS
from lakehouse.datasets import DATASETS
from lakehouse.reading.trace import trace
from lakehouse.storage.commits import as_custom_metadata

TOPIC_ID = "abcDEF_-123"
TIME = datetime(2025, 11, 24, 12, 34, 56, 789012, tzinfo=UTC)


def row(event_id: str, offset: int, **values: Any) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "user_id": "u",
        "event_type": "login",
        "app_type": "web",
        "event_timestamp": TIME,
        "source_topic": APP_EVENTS.topic,
        "source_partition": 1,
        "source_offset": offset,
        "source_timestamp": TIME,
        "ingest_timestamp": TIME,
        "source_system": "test",
        "is_late": False,
        "event_date": TIME.date(),
        "event_hour": 12,
        "load_timestamp": TIME,
        "quality_flags": [],
    } | values


def land(settings: Settings, first: int, rows: list[dict[str, Any]]) -> Path:
    folder = chain_folder(settings, APP_EVENTS, TOPIC_ID, 1)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / chain_file_name(first)
    pq.write_table(pa.Table.from_pylist(rows, schema=LANDING["app_events"]), path)
    return path


def commit(settings: Settings, name: str, rows: list[dict[str, Any]], metadata: dict[str, Any]) -> None:
    dataset = DATASETS[name]
    write_deltalake(
        str(table_path(settings, dataset.layer, name)),
        pa.Table.from_pylist(rows, schema=dataset.schema),
        mode="append",
        partition_by=[dataset.partition],
        commit_properties=CommitProperties(custom_metadata=as_custom_metadata(metadata)),
    )


def test_an_event_is_followed_from_landing_to_gold(settings: Settings) -> None:
    first = land(settings, 0, [row("a", 0), row("b", 1)])
    second = land(settings, 2, [row("a", 3)])
    assert trace(settings, "nothing") is None

    landed = trace(settings, "a")
    assert landed is not None and landed.reached == "landing"
    assert [(c.offset, c.landing_file, c.silver) for c in landed.copies] == [
        (0, str(first), "waiting"),
        (3, str(second), "waiting"),
    ]

    commit(settings, "app_events_bronze", [row("a", 0), row("b", 1)], {"chains": {f"{TOPIC_ID}/1": 1}})
    half = trace(settings, "a")
    assert half is not None and half.reached == "bronze"
    assert [(c.offset, c.bronze_version, c.silver) for c in half.copies] == [
        (0, 0, "waiting"),
        (3, None, "waiting"),
    ]

    later = TIME.replace(hour=13)
    commit(
        settings, "app_events_bronze", [row("a", 3, load_timestamp=later)], {"chains": {f"{TOPIC_ID}/1": 3}}
    )
    commit(settings, "app_events_silver", [row("a", 0), row("b", 1)], {"source_version": 1})
    gold = {
        "metric_date": TIME.date(),
        "metric_hour": 12,
        "event_type": "login",
        "app_type": "web",
        "total_events": 2,
        "unique_users": 1,
        "load_timestamp": TIME,
    }
    commit(settings, "event_metrics_gold", [gold, gold | {"metric_hour": 13, "total_events": 7}], {})
    second.unlink()
    whole = trace(settings, "a")
    assert whole is not None and whole.reached == "silver"
    assert [(c.offset, c.bronze_version, c.silver, c.landing_file) for c in whole.copies] == [
        (0, 0, "kept", str(first)),
        (3, 1, "duplicate", None),
    ]
    assert [(g.table, g.row and g.row["total_events"]) for g in whole.gold] == [
        ("event_metrics_gold", 2),
        ("hourly_metrics_gold", None),
    ]
    assert [g.includes_event for g in whole.gold] == [True, False]


def test_gold_that_was_computed_before_the_event_came_does_not_count_it(settings: Settings) -> None:
    later = TIME.replace(hour=13)
    commit(settings, "app_events_bronze", [row("a", 0)], {"chains": {f"{TOPIC_ID}/1": 0}})
    commit(settings, "app_events_silver", [row("a", 0, load_timestamp=later)], {"source_version": 0})
    gold = {
        "metric_date": TIME.date(),
        "metric_hour": 12,
        "event_type": "login",
        "app_type": "web",
        "total_events": 9,
        "unique_users": 9,
        "load_timestamp": TIME,
    }
    commit(settings, "event_metrics_gold", [gold], {})
    found = trace(settings, "a")
    assert found is not None
    assert [(g.row and g.row["total_events"], g.includes_event) for g in found.gold] == [
        (9, False),
        (None, False),
    ]


def test_an_empty_platform_knows_no_event(settings: Settings) -> None:
    assert trace(settings, "a") is None
