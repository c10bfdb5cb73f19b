"""Silver to gold: what changed is computed anew, from silver alone, and not more often than agreed."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from deltalake import DeltaTable, write_deltalake

from contracts.settings import Settings
from contracts.sources import APP_EVENTS
from lakehouse.datasets import dataset
from lakehouse.embedded import EmbeddedEngine
from lakehouse.medallion.bronze import BronzeTable
from lakehouse.medallion.gold import GoldTable
from lakehouse.medallion.silver import SilverTable
from lakehouse.storage import commits, delta_log

Event = Callable[..., dict[str, Any]]
NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class World:
    """Landing to gold of app events, with a clock that the tests move."""

    def __init__(self, settings: Settings, landing: Any, engine: EmbeddedEngine) -> None:
        self.settings, self.landing, self.engine = settings, landing, engine
        self.now = 1000.0
        self.restart()

    def restart(self) -> None:
        self.bronze = BronzeTable(self.settings, dataset("app_events_bronze"))
        self.silver = SilverTable(self.settings, dataset("app_events_silver"), self.engine)
        declared = dataset("event_metrics_gold")
        self.gold = GoldTable(self.settings, declared, self.engine, clock=lambda: self.now)

    def land(self, *events: dict[str, Any]) -> None:
        self.landing.add(APP_EVENTS, events)
        self.bronze.take()
        self.silver.advance()

    def refreshed(self) -> int:
        """Hours that one gold round refreshes."""
        done = self.gold.advance()
        return done.hours if done else 0

    def rows(self) -> list[dict[str, Any]]:
        rows = DeltaTable(str(self.gold.path)).to_pyarrow_table().to_pylist()
        return sorted(
            rows, key=lambda r: (r["metric_date"], r["metric_hour"], r["event_type"], r["app_type"])
        )

    def totals(self) -> dict[tuple[str, int], int]:
        found: dict[tuple[str, int], int] = {}
        for row in self.rows():
            key = (row["metric_date"].isoformat(), row["metric_hour"])
            found[key] = found.get(key, 0) + row["total_events"]
        return found


@pytest.fixture
def world(settings: Settings, landing: Any, engine: EmbeddedEngine) -> World:
    return World(settings, landing, engine)


def test_metrics_by_hour_type_and_app(world: World, make_event: Event) -> None:
    buy = {"event_type": "purchase"}
    world.land(
        make_event("a", user_id="u", event_value=10.0, **buy),
        make_event("b", user_id="u", event_value=2.5, **buy),
        make_event("c", user_id="v", **buy),
        make_event("d", user_id="v", app_type="mobile", event_value=1.0, **buy),
        make_event("e", user_id="w"),
        make_event("f", NOON + HOUR, user_id="w"),
        make_event("a", user_id="u", event_value=10.0, **buy),
    )
    assert world.refreshed() == 2
    names = [c for c in dataset("event_metrics_gold").schema.names if c != "load_timestamp"]
    day = date(2026, 3, 5)
    assert [[row[name] for name in names] for row in world.rows()] == [
        [day, 12, "login", "web", 1, 1, None, None, None, None],
        [day, 12, "purchase", "mobile", 1, 1, 1.0, 1.0, 1.0, 1.0],
        [day, 12, "purchase", "web", 3, 2, 2.5, 10.0, 6.25, 12.5],
        [day, 13, "login", "web", 1, 1, None, None, None, None],
    ]


def test_late_events_correct_closed_hours_and_days_in_one_commit(world: World, make_event: Event) -> None:
    days = [NOON - timedelta(days=n) for n in range(4)]
    world.land(*[make_event(f"{n}", at) for n, at in enumerate(days)])
    assert world.refreshed() == 4
    world.now += 61
    version = DeltaTable(str(world.gold.path)).version()
    world.land(make_event("late-1", days[3]), make_event("late-2", days[1] + HOUR))
    assert world.refreshed() == 2
    assert DeltaTable(str(world.gold.path)).version() == version + 1
    assert world.totals() == {
        ("2026-03-05", 12): 1,
        ("2026-03-04", 12): 1,
        ("2026-03-04", 13): 1,
        ("2026-03-03", 12): 1,
        ("2026-03-02", 12): 2,
    }


def test_an_open_hour_is_refreshed_once_a_cadence_and_a_quiet_one_at_once(
    world: World, make_event: Event
) -> None:
    world.land(make_event("a"))
    assert world.refreshed() == 1
    world.now += 30
    world.land(make_event("b"))
    assert (world.refreshed(), world.gold.stale()) == (0, 1)
    world.land(make_event("c", NOON - HOUR))
    assert (world.refreshed(), world.gold.stale()) == (1, 1)
    assert world.totals() == {("2026-03-05", 12): 1, ("2026-03-05", 11): 1}
    world.now += 30
    assert (world.refreshed(), world.gold.stale()) == (1, 0)
    assert world.totals() == {("2026-03-05", 12): 2, ("2026-03-05", 11): 1}
    assert world.refreshed() == 0


def test_hours_that_wait_survive_a_restart(world: World, make_event: Event) -> None:
    world.land(make_event("a"))
    world.refreshed()
    world.land(make_event("b"), make_event("c", NOON + HOUR))
    assert (world.refreshed(), world.gold.stale()) == (1, 1)
    world.restart()
    assert (world.gold.stale(), world.refreshed()) == (1, 1)
    assert world.totals() == {("2026-03-05", 12): 2, ("2026-03-05", 13): 1}


def test_duplicates_make_nothing_stale(world: World, make_event: Event) -> None:
    world.land(make_event("a"))
    world.refreshed()
    world.now += 100
    world.land(make_event("a"))
    assert (world.gold.stale(), world.refreshed()) == (0, 0)


def test_edges_of_hours_and_days(world: World, make_event: Event) -> None:
    midnight = datetime(2026, 3, 6, tzinfo=UTC)
    micro = timedelta(microseconds=1)
    world.land(
        make_event("a", midnight - micro),
        make_event("b", midnight),
        make_event("c", midnight + HOUR - micro),
        make_event("d", midnight + HOUR),
    )
    world.refreshed()
    expected = {("2026-03-05", 23): 1, ("2026-03-06", 0): 2, ("2026-03-06", 1): 1}
    assert world.totals() == expected
    world.now += 61
    world.land(make_event("e", midnight + HOUR - micro))
    assert world.refreshed() == 1
    assert world.totals() == {**expected, ("2026-03-06", 0): 3}


@pytest.mark.parametrize("committed", [False, True], ids=["before", "after"])
def test_a_crash_around_the_commit_is_healed_by_the_next_round(
    world: World, make_event: Event, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    world.land(make_event("a"))

    def crash(*arguments: Any, **options: Any) -> None:
        if committed:
            write_deltalake(*arguments, **options)
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("lakehouse.embedded.engine.write_deltalake", crash)
        with pytest.raises(OSError, match="space"):
            world.gold.advance()
    assert world.refreshed() == (0 if committed else 1)
    assert world.totals() == {("2026-03-05", 12): 1}
    world.restart()
    assert world.gold.stale() == 0


def test_retention_and_compaction_of_silver_are_no_changes(world: World, make_event: Event) -> None:
    world.land(make_event("a"), make_event("b", NOON + HOUR))
    world.refreshed()
    world.now += 61
    table = DeltaTable(str(world.silver.path))
    table.delete("event_id = 'a'")
    table.optimize.compact()
    assert (world.gold.stale(), world.refreshed()) == (0, 0)
    world.land(make_event("c", NOON + HOUR))
    assert world.refreshed() == 1
    assert world.totals() == {("2026-03-05", 12): 1, ("2026-03-05", 13): 2}


def test_silver_commits_that_were_cleaned_rebuild_all(world: World, make_event: Event) -> None:
    world.land(make_event("a"))
    world.refreshed()
    world.land(make_event("b", NOON + HOUR))
    world.land(make_event("c", NOON + 2 * HOUR))
    handle = DeltaTable(str(world.silver.path))
    handle.create_checkpoint()
    delta_log.commit_file(world.silver.path, handle.version() - 1).unlink()
    world.restart()
    world.gold.advance()
    assert sum(world.totals().values()) == 3
    assert world.gold.stale() == 0


def test_a_rebuilt_day_of_silver_makes_its_hours_stale(world: World, make_event: Event) -> None:
    world.land(make_event("a"), make_event("b", NOON + HOUR))
    world.refreshed()
    world.now += 61
    DeltaTable(str(world.silver.path)).delete("event_id = 'a'")
    world.silver.rebuild(date(2026, 3, 5))
    world.gold.advance()
    assert world.totals() == {("2026-03-05", 12): 1, ("2026-03-05", 13): 1}


def test_days_and_all_of_it_can_be_built_anew(world: World, make_event: Event) -> None:
    world.land(make_event("a"), make_event("b", NOON - timedelta(days=1)))
    world.refreshed()
    before = world.totals()
    table = DeltaTable(str(world.gold.path))
    table.delete("metric_date = '2026-03-04'")
    world.gold.rebuild(date(2026, 3, 4))
    assert world.totals() == before
    table = DeltaTable(str(world.gold.path))
    table.delete()
    world.gold.rebuild_all()
    assert world.totals() == before
    world.restart()
    assert world.gold.stale() == 0


def test_more_hours_than_one_task_takes(
    world: World, make_event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakehouse.medallion.gold.TASK_SLICES", 10)
    world.land(*[make_event(f"{n}", NOON - n * HOUR) for n in range(25)])
    rounds = []
    while (done := world.gold.advance()) is not None:
        rounds.append((done.hours, done.more))
    assert rounds == [(10, True), (10, True), (5, False)]
    assert sum(world.totals().values()) == 25


def test_values_to_their_extremes(world: World, make_event: Event) -> None:
    values = [1e308, -1e308, 5e-324, 0.1, None]
    world.land(*[make_event(f"{n}", event_value=value) for n, value in enumerate(values)])
    world.refreshed()
    (row,) = world.rows()
    assert (row["min_event_value"], row["max_event_value"]) == (-1e308, 1e308)
    assert math.isclose(row["total_event_value"], 0.1, abs_tol=0.2)
    assert row["total_events"] == 5


def test_the_newest_event_is_noted(world: World, make_event: Event) -> None:
    world.land(make_event("a", NOON + timedelta(minutes=5)), make_event("b", NOON - HOUR))
    world.refreshed()
    metadata = commits.last_metadata(world.gold.path)
    assert metadata is not None
    assert datetime.fromisoformat(metadata["newest"]) == NOON + timedelta(minutes=5)
