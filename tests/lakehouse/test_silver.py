"""Bronze to silver: one row an event, whatever the rounds, and no more read than can matter."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable

from contracts.errors import ConflictError, SchemaMismatch
from contracts.settings import Settings
from contracts.sources import APP_EVENTS
from lakehouse.datasets import DATASETS, dataset
from lakehouse.embedded import EmbeddedEngine, insert
from lakehouse.engine import Result, Task
from lakehouse.medallion.bronze import BronzeTable
from lakehouse.medallion.silver import SilverTable
from lakehouse.reading.relations import select_of
from lakehouse.reading.snapshots import Snapshots
from lakehouse.storage import commits, delta_log, tables

Event = Callable[..., dict[str, Any]]
NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class World:
    """Landing, bronze and silver of app events."""

    def __init__(self, settings: Settings, landing: Any, engine: EmbeddedEngine) -> None:
        self.settings, self.landing, self.engine = settings, landing, engine
        self.bronze = BronzeTable(settings, dataset("app_events_bronze"))
        self.silver = SilverTable(settings, dataset("app_events_silver"), engine)

    def land(self, *events: dict[str, Any], partition: int = 0) -> None:
        self.landing.add(APP_EVENTS, events, partition=partition)

    def round(self, *events: dict[str, Any]) -> int:
        """Lands the events and takes them through; rows that are new in silver."""
        if events:
            self.land(*events)
        self.bronze.take()
        done = self.silver.advance()
        return done.rows_out if done else 0

    def restart(self) -> None:
        self.bronze = BronzeTable(self.settings, dataset("app_events_bronze"))
        self.silver = SilverTable(self.settings, dataset("app_events_silver"), self.engine)

    def rows(self) -> list[dict[str, Any]]:
        return list(DeltaTable(str(self.silver.path)).to_pyarrow_table().to_pylist())

    def kept(self) -> list[tuple[str, int]]:
        """(event_id, offset) of the rows, sorted."""
        return sorted((row["event_id"], row["source_offset"]) for row in self.rows())

    def metadata(self) -> dict[str, Any]:
        found = commits.last_metadata(self.silver.path)
        assert found is not None
        return found


@pytest.fixture
def world(settings: Settings, landing: Any, engine: EmbeddedEngine) -> World:
    return World(settings, landing, engine)


def test_rows_are_the_landed_ones_with_date_and_hour(world: World, make_event: Event) -> None:
    at = datetime(2026, 3, 5, 23, 59, 59, 999_999, tzinfo=UTC)
    values = {
        "properties": '{"big":9007199254740993,"nul":"\\u0000","é":"💥"}',
        "event_value": 0.1 + 0.2,
        "status_code": 200,
        "country": "DE",
        "user_id": "a b/c%20'\"",
    }
    assert world.round(make_event("a", at, **values)) == 1
    (row,) = world.rows()
    assert {**row, **values, "event_timestamp": at} == row
    assert (row["event_date"], row["event_hour"]) == (date(2026, 3, 5), 23)
    assert set(row) == set(dataset("app_events_silver").schema.names)


def test_one_id_twice_in_a_batch_and_again_in_later_ones_is_one_row(world: World, make_event: Event) -> None:
    assert world.round(make_event("a"), make_event("a"), make_event("b")) == 2
    assert world.round(make_event("a"), make_event("c")) == 1
    world.restart()
    assert world.round(make_event("b"), make_event("a")) == 0
    assert world.kept() == [("a", 0), ("b", 2), ("c", 4)]


def test_the_first_in_bronze_order_wins_not_the_earliest_event(world: World, make_event: Event) -> None:
    world.land(make_event("a", NOON + 5 * MINUTE, user_id="second"), partition=1)
    world.land(make_event("a", NOON + 9 * MINUTE, user_id="first"), partition=0)
    world.round()
    assert [row["user_id"] for row in world.rows()] == ["first"]
    world.round(make_event("a", NOON, user_id="third"))
    assert [row["user_id"] for row in world.rows()] == ["first"]


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "one by one"])
def test_an_equal_id_is_a_duplicate_only_within_an_hour_of_a_kept_row(
    world: World, make_event: Event, together: bool
) -> None:
    micro = timedelta(microseconds=1)
    shifts = [
        timedelta(0),  # kept
        60 * MINUTE,  # on the edge: a duplicate
        60 * MINUTE + micro,  # beyond: kept
        -60 * MINUTE,  # on the edge: a duplicate
        -60 * MINUTE - micro,  # kept
        30 * MINUTE,  # near two kept ones
        120 * MINUTE + 2 * micro,  # beyond the row kept at 60 min + 1 µs
    ]
    events = [make_event("a", NOON + shift) for shift in shifts]
    if together:
        world.round(*events)
    else:
        for event in events:
            world.round(event)
    assert world.kept() == [("a", 0), ("a", 2), ("a", 4), ("a", 6)]


def test_batches_beyond_memory_are_treated_alike(
    world: World, make_event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakehouse.embedded.engine.IN_MEMORY_BYTES", 0)
    refused = make_event("r", event_type="purchase", event_value=-1.0)
    assert world.round(make_event("b", NOON + MINUTE), make_event("a"), refused, make_event("a")) == 2
    assert world.round(make_event("a", NOON + 3 * MINUTE), make_event("c")) == 1
    assert world.kept() == [("a", 1), ("b", 0), ("c", 5)]
    table = tables.path_of(world.settings, dataset("quarantine_silver"))
    (quarantined,) = DeltaTable(str(table)).to_pyarrow_table().to_pylist()
    assert (quarantined["rule"], quarantined["source_offset"]) == ("negative_purchase", 2)
    assert "place" not in json.loads(quarantined["row"])
    world.silver.rebuild(NOON.date())
    assert world.kept() == [("a", 1), ("b", 0), ("c", 5)]


def test_what_a_dropped_row_would_have_covered_is_kept(world: World, make_event: Event) -> None:
    # 50 min is dropped for 0; so 100 min is near no kept row, although 50 min came in the same batch.
    assert world.round(make_event("a")) == 1
    assert world.round(make_event("a", NOON + 50 * MINUTE), make_event("a", NOON + 100 * MINUTE)) == 1
    assert world.kept() == [("a", 0), ("a", 2)]


def test_running_again_changes_nothing(world: World, make_event: Event) -> None:
    world.round(make_event("a"), make_event("b"))
    version = DeltaTable(str(world.silver.path)).version()
    assert world.silver.advance() is None
    world.restart()
    assert world.silver.advance() is None
    assert DeltaTable(str(world.silver.path)).version() == version


def test_a_round_of_duplicates_only_still_moves_on(world: World, make_event: Event) -> None:
    world.round(make_event("a"))
    world.round(make_event("a"))
    assert world.metadata()["source_version"] == world.bronze.version
    assert world.metadata()["hours"] == []
    world.restart()
    assert world.silver.behind() == 0


def test_a_position_that_was_lost_costs_time_not_rows(world: World, make_event: Event) -> None:
    for name in "abc":
        world.round(make_event(name))
    handle = DeltaTable(str(world.silver.path))
    handle.optimize.compact()
    handle.create_checkpoint()
    for version in range(handle.version()):
        delta_log.commit_file(world.silver.path, version).unlink()
    world.restart()
    assert world.silver.position.source_version == -1
    assert world.round(make_event("d")) == 1
    assert world.kept() == [("a", 0), ("b", 1), ("c", 2), ("d", 3)]


def test_bronze_commits_that_were_cleaned_are_read_from_the_table(world: World, make_event: Event) -> None:
    world.round(make_event("a"))
    world.land(make_event("b"))
    world.bronze.take()
    world.land(make_event("a"), make_event("c"))
    world.bronze.take()
    handle = DeltaTable(str(world.bronze.path))
    handle.create_checkpoint()
    delta_log.commit_file(world.bronze.path, handle.version() - 1).unlink()
    assert world.round() == 2
    assert world.kept() == [("a", 0), ("b", 1), ("c", 3)]


def test_compaction_of_bronze_is_not_news(world: World, make_event: Event) -> None:
    for name in "ab":
        world.land(make_event(name))
        world.bronze.take()
    world.silver.advance()
    DeltaTable(str(world.bronze.path)).optimize.compact()
    done = world.silver.advance()
    assert done is not None and done.rows_in == 0


def test_tasks_are_bounded_and_cut_at_bronze_versions(world: World, make_event: Event) -> None:
    for number in range(5):
        world.land(*[make_event(f"{number}-{n}") for n in range(10)])
        world.bronze.take()
    rounds = []
    while (done := world.silver.advance(max_rows=15)) is not None:
        rounds.append((done.rows_in, done.more))
    assert rounds == [(20, True), (20, True), (10, False)]


def test_changed_dates_and_hours_are_in_the_commit(world: World, make_event: Event) -> None:
    world.round(make_event("a", NOON), make_event("b", NOON + 13 * 60 * MINUTE), make_event("c", NOON))
    metadata = world.metadata()
    assert metadata["dates"] == ["2026-03-05", "2026-03-06"]
    assert metadata["hours"] == ["2026-03-05T12", "2026-03-06T01"]
    world.round(make_event("a", NOON), make_event("d", NOON + 60 * MINUTE))
    assert world.metadata()["hours"] == ["2026-03-05T13"]


def test_statistics_cut_to_milliseconds_hide_no_duplicate(world: World, make_event: Event) -> None:
    # delta-rs#3133: the maximum in the log is .123, the row is at .123456.
    first = datetime(2026, 3, 5, 12, 0, 0, 123_456, tzinfo=UTC)
    world.round(make_event("a", first))
    again = first + timedelta(hours=1)
    assert world.round(make_event("a", again)) == 0
    assert world.round(make_event("a", again + timedelta(microseconds=1))) == 1


def test_nan_is_refused_whatever_the_statistics_of_its_file_say(world: World, make_event: Event) -> None:
    """Parquet's statistics leave NaN out: of this file they say that all values lie between 1 and 2."""
    bought = {"event_type": "purchase"}
    world.round(
        make_event("low", event_value=1.0, **bought),
        make_event("nan", event_value=math.nan, **bought),
        make_event("high", event_value=2.0, **bought),
    )
    assert world.kept() == [("high", 2), ("low", 0)]
    session = duckdb.connect()
    snapshot = Snapshots(world.settings, DATASETS).get("app_events_bronze")
    assert snapshot is not None
    bronze = select_of(snapshot)
    for condition in ("isnan(event_value)", "event_value > 10", "event_value = 'nan'"):
        found = session.sql(f"SELECT event_id FROM ({bronze}) WHERE {condition}").fetchall()
        assert found == [("nan",)], condition
    assert session.sql(f"SELECT event_id FROM ({bronze}) WHERE event_value <= 2 ORDER BY 1").fetchall() == [
        ("high",),
        ("low",),
    ]


def test_merges_beyond_8192_rows(world: World, make_event: Event) -> None:
    # delta-rs#4475
    events = [make_event(f"{n}", NOON + timedelta(milliseconds=n)) for n in range(9_000)]
    assert world.round(*events) == 9_000
    assert world.round(*events, make_event("new")) == 1
    assert len(world.rows()) == 9_001


def test_only_files_near_the_batch_are_read(
    world: World, make_event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hour in range(0, 48, 4):
        world.round(make_event(f"{hour}", NOON + hour * 60 * MINUTE))
    read: list[list[Path]] = []
    original = insert.drop_existing

    def spy(connection: Any, build: Any, stored: insert.Candidates) -> int:
        read.append(stored.files)
        return original(connection, build, stored)

    monkeypatch.setattr("lakehouse.embedded.engine.insert.drop_existing", spy)
    world.round(make_event("x", NOON + 44 * 60 * MINUTE), make_event("y", NOON + 30 * MINUTE))
    assert [len(files) for files in read] == [2]


def test_a_replayed_transaction_is_refused_and_writes_nothing(world: World, make_event: Event) -> None:
    world.round(make_event("a"))
    tasks: list[Task] = []

    class Recorder:
        name = "recorder"

        def run(self, task: Task) -> Result:
            tasks.append(task)
            return world.engine.run(task)

    world.silver._engine = Recorder()  # type: ignore[assignment]
    world.round(make_event("b"))
    version = DeltaTable(str(world.silver.path)).version()
    with pytest.raises(ConflictError, match="replay"):
        world.engine.run(tasks[0])
    fresh = EmbeddedEngine(world.settings)
    with pytest.raises(ConflictError, match="replay"):
        fresh.run(tasks[0])
    fresh.close()
    assert DeltaTable(str(world.silver.path)).version() == version


def test_nulls_where_none_may_be_are_refused_before_the_commit(
    world: World, make_event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql = "SELECT *, CAST(NULL AS INT) AS event_hour, load_timestamp AS arrived_at FROM app_events_bronze"
    world.land(make_event("a"))
    world.bronze.take()
    with monkeypatch.context() as patch:
        patch.setattr("lakehouse.medallion.tasks.model_sql", lambda _: sql)
        with pytest.raises(SchemaMismatch, match="event_hour"):
            world.silver.advance()
    assert world.rows() == []
    assert world.round() == 1


def test_a_day_built_anew_is_the_same_day(world: World, make_event: Event) -> None:
    midnight = datetime(2026, 3, 6, tzinfo=UTC)
    world.round(
        make_event("a", midnight - 10 * MINUTE),
        make_event("b", NOON),
        make_event("c", NOON + 24 * 60 * MINUTE),
    )
    world.round(make_event("a", midnight + 10 * MINUTE), make_event("b", NOON))
    before = world.kept()
    assert before == [("a", 0), ("b", 1), ("c", 2)]
    assert world.silver.dates() == [date(2026, 3, 5), date(2026, 3, 6)]
    for day in world.silver.dates():
        world.silver.rebuild(day)
        assert world.kept() == before
    assert len(world.metadata()["hours"]) == 24
    assert world.round(make_event("c", NOON + 24 * 60 * MINUTE), make_event("d")) == 1


def test_a_damaged_day_is_repaired(world: World, make_event: Event) -> None:
    world.round(make_event("a"), make_event("b"), make_event("c", NOON + 24 * 60 * MINUTE))
    DeltaTable(str(world.silver.path)).delete("event_id = 'a'")
    world.silver.rebuild(date(2026, 3, 5))
    assert world.kept() == [("a", 0), ("b", 1), ("c", 2)]
