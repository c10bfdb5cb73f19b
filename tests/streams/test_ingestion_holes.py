"""When ingestion goes back to close a hole: by what the workers' heartbeats say, and not too often."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from contracts.configuration import load
from contracts.heartbeat import HeartbeatWriter
from contracts.settings import Settings
from contracts.sources import APP_EVENTS
from streams.ingestion import holes
from streams.ingestion.holes import HoleWatch

TOPIC_ID = "abc"


class Clock:
    """The time module that the watch sees."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return time.time()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(holes, "time", made)
    return made


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(flags={"paths.data": str(tmp_path), "streams.hole_seconds": 60}, environ={}).settings


def worker_says(settings: Settings, position: int, *, hole: bool = False, **changes: Any) -> None:
    row = {"H": position, "topic_id": TOPIC_ID, "watermark": None, "pending": 0, "lag": 0, **changes}
    found = [{"source": "app_events", "partition": 0, "next_offset": position + 1}] if hole else []
    details = {"partitions": {"app_events": {"0": row}}, "holes": found}
    HeartbeatWriter(settings, "stream-worker-1").beat(details=details, force=True)


def test_a_hole_that_a_worker_reports_is_sent_again_once_in_a_while(settings: Settings, clock: Clock) -> None:
    watch = HoleWatch(settings, APP_EVENTS)
    worker_says(settings, 99, hole=True, lag=5)
    assert watch.due({0: 500, 1: 500}, TOPIC_ID) == {0: 99}
    assert watch.due({0: 200}, TOPIC_ID) == {}
    clock.now += 61
    assert watch.due({0: 500}, TOPIC_ID) == {0: 99}
    worker_says(settings, 300, hole=True)
    assert watch.due({0: 500}, TOPIC_ID) == {0: 300}


@pytest.mark.parametrize("changes", [{"pending": 3}, {"lag": 1}, {"lag": None}, {"topic_id": "other"}])
def test_a_worker_that_is_at_work_or_on_another_topic_misses_nothing(
    settings: Settings, clock: Clock, changes: dict[str, Any]
) -> None:
    watch = HoleWatch(settings, APP_EVENTS)
    worker_says(settings, 99, **changes)
    for _ in range(3):
        assert watch.due({0: 500}, TOPIC_ID) == {}
        clock.now += 61


def test_landing_that_rests_behind_what_was_sent_is_a_hole_after_a_while(
    settings: Settings, clock: Clock
) -> None:
    watch = HoleWatch(settings, APP_EVENTS)
    worker_says(settings, 99)
    assert watch.due({0: 500}, TOPIC_ID) == {}
    clock.now += 59
    assert watch.due({0: 500}, TOPIC_ID) == {}
    worker_says(settings, 100)
    clock.now += 2
    assert watch.due({0: 500}, TOPIC_ID) == {}, "it had moved"
    clock.now += 61
    assert watch.due({0: 500}, TOPIC_ID) == {0: 100}
    worker_says(settings, 500)
    clock.now += 61
    assert watch.due({0: 500}, TOPIC_ID) == {}


def test_a_heartbeat_of_yesterday_says_nothing(
    settings: Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker_says(settings, 99, hole=True)
    monkeypatch.setattr(clock, "time", lambda: time.time() + 60)
    assert HoleWatch(settings, APP_EVENTS).due({0: 500}, TOPIC_ID) == {}
