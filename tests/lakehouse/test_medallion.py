"""Three days through the whole medallion, round by round, equal what plain Python computes from bronze."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from contracts.layout import table_path
from contracts.platform import METRICS, PLATFORM_LANDING
from contracts.settings import Lakehouse, Paths, Settings
from lakehouse.datasets import DATASETS, dataset
from lakehouse.embedded import EmbeddedEngine
from lakehouse.embedded.jobs import EmbeddedJobs
from lakehouse.jobs.declaration import JOBS, output_file
from lakehouse.jobs.runner import run_job
from lakehouse.medallion import platform_landing
from lakehouse.medallion.gold import utc_today
from lakehouse.medallion.rounds import Rounds
from tests.lakehouse import recomputed, simulated, told_views
from tests.lakehouse.readers import READERS, plain
from tests.lakehouse.view_rows import Views

Row = dict[str, Any]
OWN = {"load_timestamp"}


def rows_of(settings: Settings, name: str) -> list[Row]:
    table = DeltaTable(str(table_path(settings, dataset(name).layer, name)))
    return list(table.to_pyarrow_table().to_pylist())


def same(found: list[Row], wanted: list[Row], key: tuple[str, ...]) -> None:
    """Equal row for row: floats to 1e-9 relative, all else exactly."""

    def keyed(rows: list[Row]) -> dict[tuple[Any, ...], Row]:
        result = {tuple(row[name] for name in key): row for row in rows}
        assert len(result) == len(rows)
        return result

    got, want = keyed(found), keyed(wanted)
    assert got.keys() == want.keys()
    for place, row in want.items():
        for name, value in row.items():
            other = got[place][name]
            if isinstance(value, float) and isinstance(other, float):
                assert math.isclose(value, other, rel_tol=1e-9, abs_tol=1e-9), (place, name, other, value)
            else:
                assert other == value, (place, name, other, value)


@pytest.fixture(scope="module")
def engine() -> Iterator[EmbeddedEngine]:
    made = EmbeddedEngine(Settings())
    yield made
    made.close()


def simulate(
    root: Path, make_landing: Any, engine: EmbeddedEngine, seed: int, rounds_: int = 6, size: int = 24
) -> Settings:
    settings = Settings(paths=Paths(data=str(root)), lakehouse=Lakehouse(engine="embedded", gold_seconds=1))
    landing = make_landing(settings)
    rounds = Rounds(settings, engine)
    for gold in rounds.gold_tables:
        gold._every = 0
    for number, files in enumerate(simulated.batches(seed, rounds_, size)):
        for source, partition, rows in files:
            landing.add(source, rows, partition=partition)
        sampled = [
            {
                "sampled_at": simulated.START.replace(hour=number),
                "component": "ingestion",
                "metric": "dead_letters",
                "value": float(number),
                "status": ["healthy", "degraded", "unhealthy"][number % 3],
            }
        ]
        rows_sampled = pa.Table.from_pylist(sampled, PLATFORM_LANDING[METRICS.name])
        platform_landing.append(settings, METRICS.name, rows_sampled)
        rounds.bronze()
        rounds.silver()
        if number % 3 == 2:
            rounds.gold()
        if number == 3:
            rounds.close()
            rounds = Rounds(settings, engine)
            for gold in rounds.gold_tables:
                gold._every = 0
    rounds.gold()
    assert rounds.status.failures == dict.fromkeys(rounds.status.failures, 0), rounds.status.errors
    # Ranks move with everybody's activity, segments at a run only for those who were active.
    next(gold for gold in rounds.gold_tables if gold.declared.name == "user_segments_gold").rebuild_all()
    rounds.close()
    return settings


def check(settings: Settings, today: date) -> None:
    bronze = {name: rows_of(settings, name) for name in DATASETS if name.endswith("_bronze")}
    events = recomputed.events(bronze["app_events_bronze"])
    sessions = recomputed.sessions(bronze["clickstream_bronze"])
    days = recomputed.activity(events, sessions)
    place = ("source_topic", "source_partition", "source_offset")

    def own(name: str, wanted: list[Row]) -> list[Row]:
        columns = set(dataset(name).schema.names) - OWN
        return [{column: row[column] for column in columns if column in row} for row in wanted]

    same(rows_of(settings, "app_events_silver"), own("app_events_silver", events), place)
    observed = recomputed.once(bronze["external_data_bronze"], "record_id", "observed_at")
    same(rows_of(settings, "external_data_silver"), own("external_data_silver", observed), place)
    same(rows_of(settings, "clickstream_silver"), sessions, ("session_key",))
    assert sum(row["click_count"] for row in sessions) > 0
    quarantined = rows_of(settings, "quarantine_silver")
    assert {tuple(row[name] for name in place) for row in quarantined} == {
        tuple(row[name] for name in place)
        for row in bronze["app_events_bronze"]
        if recomputed.refused_event(row)
    }
    assert len(quarantined) == sum(map(recomputed.refused_event, bronze["app_events_bronze"])) > 0
    same(rows_of(settings, "user_activity_silver"), days, ("user_id", "activity_date"))
    same(rows_of(settings, "users_silver"), recomputed.users(days, bronze["users_bronze"]), ("user_id",))
    same(
        rows_of(settings, "event_metrics_gold"),
        recomputed.event_metrics(events),
        dataset("event_metrics_gold").key,
    )
    samples = rows_of(settings, "platform_metrics_silver")
    assert samples
    same(
        rows_of(settings, "hourly_metrics_gold"),
        recomputed.hourly_metrics(events, samples, quarantined),
        ("metric_date", "metric_hour"),
    )
    same(rows_of(settings, "daily_summary_gold"), recomputed.daily_summary(days, today), ("summary_date",))
    same(rows_of(settings, "user_segments_gold"), recomputed.segments(days, today), ("user_id",))
    versions = rows_of(settings, "entities_silver")
    now = {
        (row["database"], row["schema"], row["table"], row["key"]): json.loads(row["row"])
        for row in versions
        if row["is_current"]
    }
    assert now == recomputed.current(bronze["cdc_changes_bronze"])
    chains_of_versions(versions)


def chains_of_versions(versions: list[Row]) -> None:
    """Of each key: one version after the other, the last one open."""
    by_key: dict[tuple[Any, ...], list[Row]] = {}
    for row in versions:
        by_key.setdefault((row["database"], row["schema"], row["table"], row["key"]), []).append(row)
    for rows in by_key.values():
        rows.sort(key=lambda r: (r["sequence"], not r["is_snapshot"], r["source_offset"]))
        ends: list[datetime | None] = [row["valid_from"] for row in rows[1:]]
        assert [row["valid_to"] for row in rows] == [*ends, None]
        assert [row["is_current"] for row in rows[:-1]] == [False] * (len(rows) - 1)
        assert rows[-1]["is_current"] == (not rows[-1]["is_deleted"])
        assert all(row["is_deleted"] == (row["row"] is None) for row in rows)


def check_batch_jobs(settings: Settings, seed: int) -> None:
    """The jobs' results of views of the same deliveries, against plain Python and against gold."""
    deliveries = rows_of(settings, "app_events_bronze")
    clicks = rows_of(settings, "clickstream_bronze")
    # Ingestion lets no NaN and no infinity through; a view that had one would say so for its whole hour.
    deliveries = [row for row in deliveries if math.isfinite(row["event_value"] or 0.0)]
    sessions = told_views.tell(Views(settings), deliveries, clicks, seed)
    activity = recomputed.activity(deliveries, sessions)
    hours = told_views.hourly_aggregates(deliveries)
    days = sorted({row["activity_date"] for row in activity})
    # The last day is open still: it tells nothing of the retention of the day before it.
    today = days[-1]
    summaries = {row["summary_date"]: row for row in recomputed.daily_summary(activity, today)}
    assert summaries[days[-3]]["retention_d1"] is not None and summaries[days[-2]]["retention_d1"] is None
    found: dict[date, dict[str, list[Row]]] = {}
    for day in days:
        for job in JOBS:
            run_job(settings, job, day, EmbeddedJobs(settings), today=today)
        found[day] = {
            job.name: pq.read_table(output_file(settings, job.name, day)).to_pylist() for job in JOBS
        }
        results = found[day]
        wanted = [row for row in hours if row["metric_date"] == day]
        same(results["hourly_aggregates"], wanted, dataset("event_metrics_gold").key)
        same(results["daily_summaries"], [summaries[day]], ("summary_date",))
        until = [row for row in activity if row["activity_date"] <= day]
        same(results["user_segments"], recomputed.segments(until, day), ("user_id",))
    against_gold(settings, deliveries, found)


def against_gold(settings: Settings, deliveries: list[Row], found: dict[date, dict[str, list[Row]]]) -> None:
    """What the views count is what gold counts, the duplicates and the quarantined rows, hour by hour."""
    kept = recomputed.events(deliveries)
    refused = [row for row in deliveries if recomputed.refused_event(row)]
    place = ("source_topic", "source_partition", "source_offset")
    beside = {tuple(row[name] for name in place) for row in (*kept, *refused)}
    duplicates = [row for row in deliveries if tuple(row[name] for name in place) not in beside]
    assert refused and duplicates

    def counted(rows: list[Row]) -> Counter[tuple[Any, ...]]:
        return Counter(
            (row["event_timestamp"].date(), row["event_timestamp"].hour, row["event_type"], row["app_type"])
            for row in rows
        )

    key = dataset("event_metrics_gold").key
    gold = Counter(
        {tuple(r[n] for n in key): r["total_events"] for r in rows_of(settings, "event_metrics_gold")}
    )
    told = Counter(
        {
            tuple(row[name] for name in key): row["event_count"]
            for results in found.values()
            for row in results["hourly_aggregates"]
        }
    )
    assert told == gold + counted(duplicates) + counted(refused)
    totals = {r["summary_date"]: r["total_events"] for r in rows_of(settings, "daily_summary_gold")}
    for day, results in found.items():
        lost = sum(row["event_timestamp"].date() == day for row in (*duplicates, *refused))
        assert results["daily_summaries"][0]["total_events"] == totals.get(day, 0) + lost


@pytest.fixture(scope="module")
def three_days(
    tmp_path_factory: pytest.TempPathFactory, make_landing: Any, engine: EmbeddedEngine
) -> Settings:
    return simulate(tmp_path_factory.mktemp("three-days"), make_landing, engine, 1)


@pytest.mark.heavy
def test_three_days_equal_the_recomputation(three_days: Settings) -> None:
    check(three_days, utc_today())


@pytest.mark.heavy
@pytest.mark.parametrize("reader", READERS)
def test_external_tools_read_every_table_as_written(three_days: Settings, reader: str) -> None:
    filled = set()
    for name, declared in DATASETS.items():
        path = table_path(three_days, declared.layer, name)
        table = READERS[reader](path)
        assert set(table.schema.names) == set(declared.schema.names), name
        assert plain(table) == plain(READERS["deltalake"](path)), name
        filled |= {name} if table.num_rows else set()
    assert {name for name in set(DATASETS) - filled if DATASETS[name].layer != "platform"} == set()


@pytest.mark.heavy
def test_batch_jobs_of_the_three_days_equal_the_recomputation_and_add_up_to_gold(
    three_days: Settings,
) -> None:
    check_batch_jobs(three_days, 1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 14))
def test_three_days_equal_the_recomputation_at_length(
    tmp_path: Path, make_landing: Any, engine: EmbeddedEngine, seed: int
) -> None:
    settings = simulate(tmp_path, make_landing, engine, seed, 12, 40)
    check(settings, utc_today())
    check_batch_jobs(settings, seed)
