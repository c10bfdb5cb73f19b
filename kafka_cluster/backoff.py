"""Waiting times between attempts: growing, bounded, jittered so that clients do not come back at once."""

from __future__ import annotations

import random
from collections.abc import Iterator


def delays(first: float = 0.2, most: float = 10.0) -> Iterator[float]:
    """Endless waiting times, seconds: drawn from the upper half of a span that doubles up to ``most``."""
    span = first
    while True:
        yield random.uniform(span / 2, span)
        span = min(span * 2, most)
