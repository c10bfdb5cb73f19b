"""When duties are done, and by whom: `dp scheduler` is a clock with one thread a duty. Imports no engine."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import croniter

from contracts.errors import SettingsError

log = logging.getLogger(__name__)


class Cron:
    """A cron expression in a time zone.

    It is matched with the clock on the wall: a time that a change of the clock skips comes right after the
    gap, one that it repeats comes once.
    """

    def __init__(self, expression: str, time_zone: str, setting: str = "batch.schedule") -> None:
        """``setting`` is where the expression comes from. Raises SettingsError where one of the two is
        none."""
        if len(expression.split()) != 5 or not croniter.is_valid(expression):
            raise SettingsError(
                f"{setting} {expression!r}: expected five fields, such as '0 2 * * *'",
                key=setting,
            )
        try:
            self._zone = ZoneInfo(time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise SettingsError(
                f"batch.time_zone {time_zone!r}: no such time zone; expected one like Europe/Berlin",
                key="batch.time_zone",
            ) from None
        self._expression = expression

    def next_after(self, at: datetime) -> datetime:
        """The first time after ``at``. Both UTC."""
        return self._found(at, lambda times: times.get_next(datetime), lambda found: found > at)

    def last_before(self, at: datetime) -> datetime:
        """The last time at or before ``at``. Both UTC."""
        start = at + timedelta(minutes=1)
        return self._found(start, lambda times: times.get_prev(datetime), lambda found: found <= at)

    def _found(
        self, start: datetime, step: Callable[[croniter], datetime], wanted: Callable[[datetime], bool]
    ) -> datetime:
        times = croniter(self._expression, start.astimezone(self._zone).replace(tzinfo=None))
        while True:
            found = step(times).replace(tzinfo=self._zone).astimezone(UTC)
            if wanted(found):
                return found


class Duty(Protocol):
    """Something that the scheduler sees to. All three are called from the duty's own thread."""

    @property
    def name(self) -> str: ...

    def next_after(self, at: datetime) -> datetime:
        """When it is to be done next; UTC."""

    def do(self, at: datetime, stop: threading.Event) -> None:
        """Does what is due at ``at``; once at the start too. Returns soon when ``stop`` is set.

        An error that it raises is logged and counted, and the duty goes on at its next time.
        """


class DutyState:
    """A duty and what has become of it; read by the heartbeat."""

    def __init__(self, duty: Duty) -> None:
        self.duty = duty
        self.next_at: datetime | None = None
        self.busy = False
        self.done = 0
        self.error = ""
        """Why its last time failed; empty: it did not."""


class Scheduler:
    """Does every duty at its times until ``stop``: each in a thread of its own, so that a long one does not
    hold up the others, and never two times of one duty at once."""

    def __init__(
        self,
        duties: Sequence[Duty],
        stop: threading.Event,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.states = [DutyState(duty) for duty in duties]
        self._stop = stop
        self._now = now
        self._threads = [
            threading.Thread(target=self._run, args=(state,), name=state.duty.name, daemon=True)
            for state in self.states
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Waits until every duty has returned; to be called when ``stop`` is set."""
        for thread in self._threads:
            thread.join()

    def _run(self, state: DutyState) -> None:
        at = self._now()
        while not self._stop.is_set():
            state.busy = True
            try:
                state.duty.do(at, self._stop)
            except Exception as error:
                state.error = (str(error) or type(error).__name__).splitlines()[0]
                log.exception("duty failed", extra={"duty": state.duty.name})
            else:
                state.error = ""
                state.done += 1
            state.busy = False
            # From the time it was due: one that has passed meanwhile is made up for at once.
            at = state.next_at = max(state.duty.next_after(at), self._now())
            self._sleep_until(at)

    def _sleep_until(self, at: datetime) -> None:
        """By the wall clock, looked at often: it may be set, and a laptop may sleep."""
        while not self._stop.is_set():
            left = (at - self._now()).total_seconds()
            if left <= 0:
                return
            self._stop.wait(min(left, 30.0))
