"""Which rows of one key stay: the first in order, and each later one that is far enough from all that
stay."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Hashable, Iterable


def first_wins(rows: Iterable[tuple[Hashable, int]], within: int) -> list[bool]:
    """For each row (key, time in microseconds), in order, whether it is kept.

    A row is left out when a row of its key that was kept before it differs in time by at most ``within``
    microseconds.
    """
    kept: dict[Hashable, list[int]] = {}
    decisions = []
    for key, time in rows:
        times = kept.setdefault(key, [])
        at = bisect_left(times, time - within)
        new = at == len(times) or times[at] > time + within
        if new:
            insort(times, time)
        decisions.append(new)
    return decisions
