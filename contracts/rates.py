"""How fast a total grows that grows in bursts: a flush every ten seconds, a round every fifteen."""

from __future__ import annotations

from collections import deque
from itertools import pairwise

SECONDS = 30.0


class Rate:
    """Of one total. Measured from step to step, so that it does not matter when it is looked at: a total that
    grows by 1,000 every ten seconds has the rate 100 all the time."""

    def __init__(self, seconds: float = SECONDS) -> None:
        """``seconds``: steps that are older count no more; it should hold two of them at least."""
        self._seconds = seconds
        self._steps: deque[tuple[float, float]] = deque()
        self._begun = False
        """Whether the first of them is a step, and not only where it was first looked at."""

    def observe(self, at: float, total: float) -> float:
        """Notes the total at a time in seconds, no earlier than the last one; returns its rate per second. A
        total that is smaller than before has begun anew."""
        steps = self._steps
        if not steps or total < steps[-1][1]:
            steps.clear()
            self._begun = False
            steps.append((at, total))
        elif total > steps[-1][1]:
            if len(steps) == 2 and not self._begun:
                steps.popleft()
                self._begun = True
            steps.append((at, total))
        while len(steps) > 2 and at - steps[1][0] >= self._seconds:
            steps.popleft()
        return self._now(at)

    def _now(self, at: float) -> float:
        steps = self._steps
        (since, before), (until, total) = steps[0], steps[-1]
        if len(steps) == 1 or at - until > self._seconds:
            return 0.0
        silence = at - until
        if self._begun:  # as long as it is no longer than usual, it says nothing
            silence -= max(after - earlier for (earlier, _), (after, _) in pairwise(steps))
        elapsed = until - since + max(silence, 0.0)
        return (total - before) / elapsed if elapsed > 0 else 0.0
