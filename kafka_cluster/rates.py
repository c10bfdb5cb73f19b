"""Rates per second from totals, over the last half minute: a flush or a fetch comes in bursts."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping

SECONDS = 30.0


class Rates:
    """Totals as they were, and how fast they grow."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._samples: deque[tuple[float, dict[str, float]]] = deque()

    def observe(self, totals: Mapping[str, float]) -> dict[str, float]:
        """Notes the totals and returns each one's rate; a total that was not there before began at zero."""
        now = time.monotonic()
        self._samples.append((now, dict(totals)))
        while len(self._samples) > 2 and now - self._samples[1][0] >= self._seconds:
            self._samples.popleft()
        since, before = self._samples[0]
        elapsed = now - since
        if elapsed <= 0:
            return dict.fromkeys(totals, 0.0)
        return {
            name: round(max(total - before.get(name, 0.0), 0.0) / elapsed, 1)
            for name, total in totals.items()
        }
