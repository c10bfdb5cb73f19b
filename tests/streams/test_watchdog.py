"""Stuck, or only idle, busy, waiting for room, or held up by a disk that takes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from streams import watchdog
from streams.watchdog import RECOVERY_SECONDS, RecoveryWatch, Watchdog

KEY = ("app_events", 0)


class Watched:
    """A partition as the watchdog sees it, and a clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.dog = Watchdog(60.0)
        monkeypatch.setattr(watchdog.time, "monotonic", lambda: self.now)

    def after(self, seconds: float, **changes: Any) -> str:
        for _ in range(int(seconds) - 1):
            self.now += 1
            self.dog.look([KEY])
        self.now += min(seconds, 1)
        self.dog.look([KEY])
        usual = {"committed": 5, "expected": 5, "end": 5, "paused": False, "failing": False}
        return self.dog.stuck(KEY, **(usual | changes))


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


@pytest.mark.parametrize(
    "state",
    [
        {"committed": 5, "expected": 5, "end": 5},
        {"committed": 5, "expected": 5, "end": None},
        {"committed": 4, "expected": 9, "end": 20, "failing": True},
        {"committed": 5, "expected": 5, "end": 20, "paused": True},
    ],
)
def test_idle_held_up_and_waiting_are_not_stuck(watched: Watched, state: dict[str, Any]) -> None:
    assert [watched.after(50, **state) for _ in range(5)] == [""] * 5


@pytest.mark.parametrize("paused", [False, True])
def test_commits_that_do_not_move_are_stuck_though_reading_goes_on(watched: Watched, paused: bool) -> None:
    assert watched.after(0, expected=6, end=6, paused=paused) == ""
    assert watched.after(50, expected=40, end=60, paused=paused) == ""
    assert "committed 5, read up to 70" in watched.after(20, expected=70, end=90, paused=paused)


def test_reading_that_does_not_move_is_stuck(watched: Watched) -> None:
    assert watched.after(0, end=9) == ""
    assert watched.after(59, end=9) == ""
    assert "no progress for 61 s" in watched.after(2, end=9)


def test_what_moves_or_comes_anew_is_given_its_time(watched: Watched) -> None:
    assert watched.after(0, expected=9, end=9) == ""
    assert watched.after(50, committed=6, expected=9, end=9) == ""
    assert watched.after(50, committed=7, expected=9, end=9) == ""
    watched.dog.look([])
    assert watched.after(50, committed=7, expected=9, end=9) == ""


def test_a_process_that_was_stopped_itself_is_not_stuck(watched: Watched) -> None:
    assert watched.after(0, expected=9, end=9) == ""
    watched.now += 600
    assert watched.after(1, expected=9, end=9) == ""
    assert watched.after(61, expected=9, end=9) != ""


def test_a_turn_that_comes_late_on_a_slow_machine_is_not_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    dog = Watchdog(60.0)
    monkeypatch.setattr(watchdog.time, "monotonic", lambda: now)

    def seen(all_flushed_in: float) -> str:
        dog.look([KEY], all_flushed_in)
        return dog.stuck(KEY, committed=5, expected=9, end=9, paused=False, failing=False)

    verdicts = []
    for second in range(151):
        now = float(second)
        verdicts.append(seen(70.0))
    assert [bool(verdict) for verdict in verdicts] == [False] * 141 + [True] * 10
    assert seen(1.0), "patience is back to its least when flushes are quick again"


def test_a_recovery_that_reads_nothing_is_stuck_and_a_slow_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(watchdog.time, "monotonic", lambda: now)
    watch = RecoveryWatch()

    def after(seconds: float, changes: int) -> str:
        nonlocal now
        for _ in range(int(seconds)):
            now += 1
            said = watch.stuck(changes)
        return said

    assert after(2 * RECOVERY_SECONDS, 0) == ""  # nothing is assigned
    watch.revoked()
    assert after(2 * RECOVERY_SECONDS, 0) == ""  # a rebalance takes its time
    watch.assigned()
    assert after(RECOVERY_SECONDS, 0) == ""
    for changes in range(1, 5):
        assert after(RECOVERY_SECONDS - 1, changes) == ""
    assert "has read nothing" in after(RECOVERY_SECONDS + 2, 4)
    watch.revoked()
    watch.assigned()
    now += 10 * RECOVERY_SECONDS  # the process was stopped
    assert watch.stuck(4) == ""
    watch.recovered()
    watch.assigned()  # the news came later than the recovery
    assert after(2 * RECOVERY_SECONDS, 4) == ""
