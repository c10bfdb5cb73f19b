"""Times of a cron expression where clocks change, and the scheduler's threads with made-up duties."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.schedule import Cron, Scheduler
from contracts.errors import DependencyError, SettingsError

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_two_at_night_in_berlin_through_the_year() -> None:
    cron = Cron("0 2 * * *", "Europe/Berlin")
    assert cron.next_after(utc("2026-01-10T00:00")) == utc("2026-01-10T01:00")
    assert cron.next_after(utc("2026-07-10T00:30")) == utc("2026-07-11T00:00")
    assert cron.next_after(utc("2026-07-10T00:00")) == utc("2026-07-11T00:00")
    assert cron.last_before(utc("2026-07-10T00:00")) == utc("2026-07-10T00:00")
    # 2 o'clock does not exist on March 29, 2026, and begins twice neither on October 25.
    assert cron.next_after(utc("2026-03-28T12:00")) == utc("2026-03-29T01:00")
    assert cron.next_after(utc("2026-03-29T01:00")) == utc("2026-03-30T00:00")
    assert cron.next_after(utc("2026-10-24T12:00")) == utc("2026-10-25T00:00")
    assert cron.next_after(utc("2026-10-25T00:00")) == utc("2026-10-26T01:00")


@given(
    zone=st.sampled_from(ZONES),
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    start=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
)
def test_one_time_a_day_none_missed_none_twice(zone: str, minute: int, hour: int, start: datetime) -> None:
    cron = Cron(f"{minute} {hour} * * *", zone)
    at = start.replace(tzinfo=UTC)
    first = cron.next_after(at)
    second = cron.next_after(first)
    assert at < first < second
    assert timedelta(hours=22) <= second - first <= timedelta(hours=50)
    assert cron.last_before(first) == first
    assert cron.last_before(second - timedelta(seconds=1)) == first


@pytest.mark.parametrize("text", ["", "0 2 * *", "0 25 * * *", "0 2 * * * *", "whenever it is fine"])
def test_no_cron_expression(text: str) -> None:
    with pytest.raises(SettingsError, match="five fields"):
        Cron(text, "UTC")


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd"])
def test_no_time_zone(zone: str) -> None:
    with pytest.raises(SettingsError, match="time zone"):
        Cron("0 2 * * *", zone)


class Ticks:
    """A duty of every minute by a clock that the duty itself moves."""

    def __init__(self, name: str, clock: list[datetime], last: int, fails: Sequence[int] = ()) -> None:
        self.name = name
        self.at: list[datetime] = []
        self._clock = clock
        self._last = last
        self._fails = fails
        self.over = threading.Event()

    def next_after(self, at: datetime) -> datetime:
        return at + timedelta(minutes=1)

    def do(self, at: datetime, stop: threading.Event) -> None:
        self.at.append(at)
        self._clock[0] = at + timedelta(minutes=1)
        if len(self.at) > self._last:
            self.over.set()
            stop.wait()
        if len(self.at) in self._fails:
            raise DependencyError("the disk is full")


def test_a_duty_that_fails_goes_on_and_a_late_one_is_made_up_for_once() -> None:
    start = utc("2026-03-05T12:00")
    clock = [start]
    duty = Ticks("ticks", clock, last=3, fails=[2])
    stop = threading.Event()
    scheduler = Scheduler([duty], stop, lambda: clock[0])
    scheduler.start()
    assert duty.over.wait(30)
    (state,) = scheduler.states
    assert (state.busy, state.done, state.error) == (True, 2, "")
    assert duty.at == [start + timedelta(minutes=n) for n in range(4)]
    stop.set()
    scheduler.join()


def test_one_duty_does_not_hold_up_another() -> None:
    clock = [utc("2026-03-05T12:00")]
    stuck, other = Ticks("stuck", clock, last=0), Ticks("other", clock, last=5)
    stop = threading.Event()
    scheduler = Scheduler([stuck, other], stop, lambda: clock[0])
    scheduler.start()
    assert stuck.over.wait(30)
    assert other.over.wait(30)
    stop.set()
    scheduler.join()
