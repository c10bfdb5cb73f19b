"""When slots are: against the wall clock, or as fast as possible from a chosen time on."""

from __future__ import annotations

import time
from typing import Protocol

from simulators.population import SECOND

TICK_SECONDS = 0.2
MOST_BEHIND_SECONDS = 2.0
"""Whoever falls further behind than this skips ahead: event times stay within it of the clock."""
CHUNK = 2_000
"""Slots that are handed out at once at most."""


class Pace(Protocol):
    """Hands out slots: event times in UTC microseconds since 1970, evenly spaced by the rate."""

    skipped: int
    """Slots that were left out because the simulator was behind."""

    def due(self) -> list[int]:
        """Slots that have come since the last call, at most CHUNK."""

    def wait_seconds(self) -> float:
        """How long to wait before there is something due again."""


class WallClock:
    """Slots as they come by the machine's clock."""

    def __init__(self, rate: float, start: int) -> None:
        self._interval = SECOND / rate
        self._start = start
        self._slot = 0
        self.skipped = 0

    def due(self) -> list[int]:
        now = time.time_ns() // 1000
        first = self._slot
        last = int((now - self._start) / self._interval)
        behind = int(MOST_BEHIND_SECONDS * SECOND / self._interval) + 1
        if last - first > behind + CHUNK:
            self.skipped += last - behind - first
            first = last - behind
        self._slot = max(first, min(last + 1, first + CHUNK))
        return [self._start + int(slot * self._interval) for slot in range(first, self._slot)]

    def wait_seconds(self) -> float:
        until = (self._start + self._slot * self._interval) / SECOND - time.time()
        return until if until > TICK_SECONDS else TICK_SECONDS if until > -TICK_SECONDS else 0.0


class FreeRunning:
    """Slots from ``start`` on, without waiting: the same ones at every run."""

    def __init__(self, rate: float, start: int) -> None:
        self._interval = SECOND / rate
        self._start = start
        self._slot = 0
        self.skipped = 0

    def due(self) -> list[int]:
        first, self._slot = self._slot, self._slot + CHUNK
        return [self._start + int(slot * self._interval) for slot in range(first, self._slot)]

    def wait_seconds(self) -> float:
        return 0.0
