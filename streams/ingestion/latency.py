"""How long events take from Kafka's timestamp, which is their producer's, until ingestion sends them on."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SAMPLES = 8
"""Events of a packed record that are looked at, evenly spread: within a record latency falls steadily."""
SECONDS = 15
"""Figures are of the last so many calls of ``quantiles``, one a second."""
POINTS = 64
"""Of a second so many are kept."""

_Points = NDArray[np.float64]
"""Latency in milliseconds and weight, a row each."""


class Latency:
    """Of one source. ``add`` costs a microsecond or two a packed record, however many events it holds."""

    def __init__(self) -> None:
        self.newest_at: float | None = None
        """Kafka's timestamp of the newest event, Unix seconds; None: there has been none."""
        self._taken: list[tuple[int, float]] = []
        self._before: deque[_Points] = deque(maxlen=SECONDS)

    def add(self, timestamps_ms: Sequence[int], now_ms: int) -> None:
        """The events of one packed record, by Kafka's timestamps in the order of their offsets."""
        count = len(timestamps_ms)
        if not count:
            return
        step = -(-count // SAMPLES)
        seen = timestamps_ms[step // 2 :: step]
        weight = count / len(seen)
        self._taken += [(now_ms - one, weight) for one in seen]
        newest = max(seen[-1], timestamps_ms[-1]) / 1000
        if self.newest_at is None or newest > self.newest_at:
            self.newest_at = newest

    def quantiles(self) -> dict[str, float] | None:
        """p50 and p95 in milliseconds, an event counting once; None where none came lately. A producer whose
        clock is ahead has no latency below zero."""
        taken = np.array(self._taken, dtype=np.float64).reshape(-1, 2)
        self._taken = []
        if len(taken) > POINTS:
            kept = _quantiles(taken, (np.arange(POINTS) + 0.5) / POINTS)
            taken = np.column_stack((kept, np.full(POINTS, taken[:, 1].sum() / POINTS)))
        self._before.append(taken)
        points = np.concatenate(self._before)
        if not len(points):
            return None
        p50, p95 = _quantiles(points, np.array((0.5, 0.95))).clip(min=0.0)
        return {"p50": float(p50), "p95": float(p95)}


def _quantiles(points: _Points, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of values with their weights."""
    ordered = points[points[:, 0].argsort()]
    weights = ordered[:, 1].cumsum()
    found: NDArray[np.float64] = ordered[np.searchsorted(weights, weights[-1] * shares), 0]
    return found
