"""A real worker on a real broker, killed and stopped at every step of a flush and at random."""

from __future__ import annotations

import logging
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contracts.configuration import load
from contracts.heartbeat import read_heartbeats
from contracts.settings import Settings
from contracts.sources import CLICKSTREAM
from streams.worker import EXIT_FAULT
from tests.streams.crew import Crew
from tests.streams.feeding import Feed
from tests.streams.local_kafka import free_ports, running_kafka
from tests.streams.oracle import check_landing, check_windows
from tests.streams.session_oracle import check_sessions

log = logging.getLogger(__name__)

Reached = dict[tuple[str, int], int]
"""Source offset by source and partition."""
STEPS = (
    "parsed",
    "hidden",
    "linked",
    "synced",
    "merged",
    "view hidden",
    "view",
    "snapshot",
    "first bucket",
    "table",
    "committed",
)
RATE = 2_000
BATCH = 50
CLICK_SHARE = 0.35
PAUSE_SECONDS = 60.0
"""Longer than a session, a rebalance and several flushes of the worker that takes over."""


class Stage:
    """A broker, a feed and a crew."""

    def __init__(self, flags: dict[str, object], folder: Path) -> None:
        self.folder = folder
        self.flags = flags
        self.settings: Settings = load(flags=flags, environ={}).settings
        self.events = Feed(self.settings)
        self.clicks = Feed(self.settings, CLICKSTREAM, seed=2)
        self.crew = Crew(flags, folder)
        self._fed_at = time.monotonic()

    def go_on_until(self, condition: Callable[[], bool], limit: float = 240.0) -> None:
        """Feeds at the rate and tends the crew until the condition holds."""
        deadline = time.monotonic() + limit
        while not condition():
            assert time.monotonic() < deadline, self.log_tail()
            self.crew.tend()
            due = int((time.monotonic() - self._fed_at) * RATE / BATCH)
            for _ in range(min(due, 200)):
                feed = self.clicks if self.clicks.random.random() < CLICK_SHARE else self.events
                feed.send(feed.random.randrange(feed.partitions), BATCH)
            if due:
                self._fed_at = time.monotonic()
            time.sleep(0.02)

    def landed_through(self) -> Reached:
        """H by source and partition, the newest that any worker says."""
        reached: Reached = {}
        for heartbeat in read_heartbeats(self.settings).values():
            for source, rows in heartbeat.details.get("partitions", {}).items():
                for number, row in rows.items():
                    place = source, int(number)
                    reached[place] = max(reached.get(place, -1), row["H"])
        return reached

    def are_at_work(self, *indexes: int) -> bool:
        """Whether these workers' present processes have loaded their partitions."""
        heartbeats = read_heartbeats(self.settings)
        return all(
            (beat := heartbeats.get(f"stream-worker-{index}")) is not None
            and beat.pid == self.crew.processes[index].pid
            and beat.state == "running"
            for index in indexes
        )

    def has_reached(self, goal: Reached) -> bool:
        reached = self.landed_through()
        return all(reached.get(place, -1) >= through for place, through in goal.items())

    def goal(self) -> Reached:
        """What has been fed so far."""
        feeds = (self.events, self.clicks)
        return {(feed.source.name, n): through for feed in feeds for n, through in feed.prev.items()}

    def finish(self) -> None:
        """Stops feeding, lets all of it land, stops the crew and checks everything."""
        self.events.flush()
        self.clicks.flush()
        goal = self.goal()
        deadline = time.monotonic() + 240
        while not (self.has_reached(goal) and self.are_at_work(*self.crew.processes)):
            assert time.monotonic() < deadline, self.log_tail()
            self.crew.tend()
            time.sleep(0.05)
        assert set(self.crew.stop()) == {0}, self.log_tail()
        rows = 0
        for feed in (self.events, self.clicks):
            landed = check_landing(self.settings, feed.topic_id, feed.fed, feed.next, feed.source)
            assert landed == feed.events
            rows += landed
        windows = check_windows(self.settings, self.events.topic_id, list(self.events.fed))
        sessions = check_sessions(self.settings, self.clicks.topic_id, list(self.clicks.fed))
        assert rows and windows and sessions
        log.warning("%d rows landed once, %d windows and %d sessions equal", rows, windows, sessions)

    def log_tail(self) -> str:
        return "\n".join(path.read_text()[-3000:] for path in sorted(self.folder.glob("worker-*.log")))


pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with running_kafka(tmp_path) as flags:
        flags |= {
            "paths.data": str(tmp_path / "data"),
            "ports.worker_web": free_ports(1)[0],
            "streams.flush_seconds": 1.0,
            "streams.window_seconds": 10,
            "streams.grace_seconds": 20,
            "streams.session_gap_seconds": 5,
        }
        made = Stage(flags, tmp_path)
        try:
            yield made
        finally:
            made.crew.stop()


@pytest.mark.system
def test_a_worker_whose_commits_never_came_through_is_followed_by_one_that_goes_on(stage: Stage) -> None:
    """Its tables are there and the committed offsets are 0, which Faust's client does not go back to."""
    stage.crew.start(1, "no commit", 1, "lost")
    stage.go_on_until(lambda: bool(stage.crew.deaths))
    stage.go_on_until(lambda: stage.are_at_work(1))
    stage.finish()
    assert stage.crew.deaths == [(1, EXIT_FAULT)], "records were skipped"


@pytest.mark.system
@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(("hidden", "synced", "view", "table"), id="some"),
        pytest.param(STEPS, id="all", marks=pytest.mark.long),
    ],
)
def test_a_worker_killed_at_each_step_of_a_flush_loses_and_doubles_nothing(
    stage: Stage, steps: tuple[str, ...]
) -> None:
    first, *rest = [(step, 3, "kill") for step in steps]
    stage.crew.plan = list(rest)
    stage.crew.start(1, *first)
    stage.go_on_until(lambda: len(stage.crew.deaths) >= len(steps), limit=400)
    assert [code for _, code in stage.crew.deaths] == [-signal.SIGKILL] * len(steps)
    stage.finish()


@pytest.mark.system
@pytest.mark.long
def test_a_worker_that_is_stuck_is_ended_and_its_successor_goes_on(stage: Stage) -> None:
    stage.crew.plan = [("hidden", 3, "hang")]
    stage.crew.start(1, "no commit", 3, "lost")
    stage.go_on_until(lambda: len(stage.crew.deaths) >= 2)
    stage.go_on_until(lambda: stage.are_at_work(1))
    assert stage.crew.deaths == [(1, EXIT_FAULT)] * 2
    assert (stage.folder / "worker-1.log").read_text().count("no progress for") == 2
    stage.finish()


@pytest.mark.system
@pytest.mark.long
def test_an_exception_in_an_agent_ends_the_worker_and_its_successor_goes_on(stage: Stage) -> None:
    stage.crew.start(1, "agent", 200, "raise")
    stage.go_on_until(lambda: bool(stage.crew.deaths))
    assert stage.crew.deaths == [(1, EXIT_FAULT)]
    stage.go_on_until(lambda: stage.are_at_work(1))
    stage.finish()


@pytest.mark.system
@pytest.mark.parametrize("step", [pytest.param("hidden", marks=pytest.mark.long), "linked"])
def test_a_worker_that_is_paused_while_another_takes_over_changes_nothing(stage: Stage, step: str) -> None:
    pause_and_take_over(stage, step)
    stage.finish()


def pause_and_take_over(stage: Stage, step: str, seconds: float = 0.0) -> None:
    """Worker 1 stops itself at the step, worker 2 takes its partitions and lands more, worker 1 wakes up, not
    before ``seconds`` have passed."""
    stage.crew.start(1, step, 3, "stop")
    stage.go_on_until(lambda: stage.crew.is_stopped(1))
    wakes = time.monotonic() + seconds
    stage.crew.start(2)
    goal = stage.goal()
    stage.go_on_until(lambda: stage.has_reached(goal) and time.monotonic() >= wakes)
    stage.crew.signal(1, signal.SIGCONT)
    goal = stage.goal()
    stage.go_on_until(lambda: stage.has_reached(goal))


@pytest.mark.system
@pytest.mark.long
@pytest.mark.timeout(2400)
def test_a_pause_at_every_step(stage: Stage) -> None:
    for step in STEPS:
        pause_and_take_over(stage, step, PAUSE_SECONDS)
        stage.crew.stop()
    stage.crew.start(1)
    stage.finish()


@pytest.mark.system
@pytest.mark.long
def test_random_kills_and_pauses_of_two_workers(stage: Stage) -> None:
    chance = random.Random(7)
    stage.crew.start(1)
    stage.crew.start(2)
    for _ in range(20):
        stage.go_on_until(lambda: stage.are_at_work(1, 2))
        victim = chance.choice((1, 2))
        moment = time.monotonic() + chance.uniform(2, 8)
        stage.go_on_until(lambda moment=moment: time.monotonic() > moment)
        if chance.random() < 0.6:
            stage.crew.kill(victim)
        else:
            stage.crew.signal(victim, signal.SIGSTOP)
            until = time.monotonic() + chance.uniform(11, 20)
            stage.go_on_until(lambda until=until: time.monotonic() > until)
            stage.crew.signal(victim, signal.SIGCONT)
    stage.finish()
