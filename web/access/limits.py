"""How often a caller may ask: a token bucket for each, kept as one number.

The number is the time at which the bucket will be full again; a request moves it on by the time that one
token takes to come back, and is refused where that would be more than a whole bucket ahead (the "generic cell
rate algorithm"). Litestar's own limiter counts in fixed windows, encodes the list of a window's requests as
JSON at each one, and has one rate for all; the library `limits` would come with three more packages.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

MOST_CALLERS = 10_000
"""Buckets that are kept; beyond that the full ones are forgotten, which changes nothing."""


class RateLimits:
    """Requests a second by caller. ``clock`` counts seconds and never goes back."""

    def __init__(self, burst_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst_seconds = burst_seconds
        self._clock = clock
        self._full_at: dict[str, float] = {}

    def wait(self, caller: str, requests_per_second: float) -> int:
        """0 where a caller may ask now, which is then counted; else the seconds to wait, whole ones."""
        if not requests_per_second:
            return 0
        now = self._clock()
        interval = 1 / requests_per_second
        most = max(self._burst_seconds, interval)  # one request must always fit
        full_at = max(self._full_at.get(caller, now), now) + interval
        ahead = full_at - now - most
        if ahead > 1e-9:
            return max(math.ceil(ahead), 1)
        if len(self._full_at) >= MOST_CALLERS and caller not in self._full_at:
            self._forget(now)
        self._full_at[caller] = full_at
        return 0

    def _forget(self, now: float) -> None:
        self._full_at = {caller: full_at for caller, full_at in self._full_at.items() if full_at > now}
        if len(self._full_at) >= MOST_CALLERS:  # so many at once: whoever they are, memory stays bounded
            self._full_at.clear()
