"""user_activity_silver where sessions change their day, their first click or their last one afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from deltalake import DeltaTable

from contracts.layout import table_path
from contracts.settings import Settings
from contracts.sources import APP_EVENTS, CLICKSTREAM
from lakehouse.embedded import EmbeddedEngine
from lakehouse.medallion.rounds import Rounds

pytestmark = pytest.mark.heavy

MIDNIGHT = datetime(2026, 3, 5, tzinfo=UTC)


@pytest.fixture
def rounds(settings: Settings, engine: EmbeddedEngine) -> Iterator[Rounds]:
    with closing(Rounds(settings, engine)) as made:
        for gold in made.gold_tables:
            gold._every = 0
        yield made


def click(minutes: float, name: str, user: str = "u1") -> dict[str, Any]:
    at = MIDNIGHT + timedelta(minutes=minutes)
    return {"click_id": name, "user_id": user, "session_id": None, "click_timestamp": at}


def run(rounds: Rounds) -> None:
    rounds.bronze(), rounds.silver(), rounds.gold()
    assert rounds.failing() == 0, rounds.status.errors


def activity(settings: Settings) -> dict[tuple[str, int], tuple[int, int, float, float]]:
    """By user and day of March: events, sessions, and the first and last moment in minutes after midnight."""
    table = DeltaTable(str(table_path(settings, "silver", "user_activity_silver"))).to_pyarrow_table()
    return {
        (row["user_id"], row["activity_date"].day): (
            row["total_events"],
            row["total_sessions"],
            (row["first_event_at"] - MIDNIGHT) / timedelta(minutes=1),
            (row["last_event_at"] - MIDNIGHT) / timedelta(minutes=1),
        )
        for row in table.to_pylist()
    }


def test_a_session_that_turns_out_to_have_begun_the_day_before(
    settings: Settings, landing: Any, make_event: Any, rounds: Rounds
) -> None:
    landing.add(CLICKSTREAM, [click(2, "a"), click(20, "b"), click(300, "c"), click(2, "o", "u2")])
    landing.add(APP_EVENTS, [make_event("e", MIDNIGHT + timedelta(minutes=100))])
    run(rounds)
    assert activity(settings) == {("u1", 5): (1, 2, 2, 300), ("u2", 5): (0, 1, 2, 2)}
    landing.add(CLICKSTREAM, [click(-5, "late")])
    run(rounds)
    assert activity(settings) == {
        ("u1", 4): (0, 1, -5, 20),
        ("u1", 5): (1, 1, 100, 300),
        ("u2", 5): (0, 1, 2, 2),
    }


def test_nothing_is_left_of_a_day_whose_only_session_has_moved(
    settings: Settings, landing: Any, rounds: Rounds
) -> None:
    landing.add(CLICKSTREAM, [click(2, "a")])
    run(rounds)
    landing.add(CLICKSTREAM, [click(-5, "late")])
    run(rounds)
    assert activity(settings) == {("u1", 4): (0, 1, -5, 2)}


def test_several_changes_between_two_rounds_of_gold(settings: Settings, landing: Any, rounds: Rounds) -> None:
    landing.add(CLICKSTREAM, [click(60, "a")])
    run(rounds)
    # It begins earlier, then the day before; what it was in between has never been seen.
    for minutes, name in ((40, "b"), (15, "c"), (-10, "d")):
        landing.add(CLICKSTREAM, [click(minutes, name)])
        rounds.bronze(), rounds.silver()
    rounds.gold()
    assert activity(settings) == {("u1", 4): (0, 1, -10, 60)}


def test_a_session_that_goes_on_reads_no_whole_day(
    settings: Settings, landing: Any, rounds: Rounds, engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.add(CLICKSTREAM, [click(60, "a"), click(600, "z")])
    run(rounds)
    read: list[int] = []
    compute = engine.run

    def noting(task: Any) -> Any:
        if task.target.name == "user_activity_silver":
            read.extend(len(source.files) for source in task.inputs if source.name == "stored_activity")
        return compute(task)

    monkeypatch.setattr(engine, "run", noting)
    landing.add(CLICKSTREAM, [click(70, "b"), click(50, "c")])
    run(rounds)
    assert read == [1]
    assert activity(settings) == {("u1", 5): (0, 2, 50, 600)}
