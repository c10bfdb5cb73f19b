"""What the monitor remembers from sample to sample: growth, restarts, what a walk has counted.

It lies in `run/health.json`, replaced as a whole, so that a restart forgets nothing and everybody else who
makes a report (the API, `dp lakehouse health`) reads it instead of counting again.
"""

from __future__ import annotations

import logging
from itertools import pairwise
from pathlib import Path

import msgspec
from msgspec import Struct, field

from contracts.layout import run_folder
from contracts.settings import Settings
from lakehouse.health.report import Place

log = logging.getLogger(__name__)

GROWTH_SECONDS = 86_400.0
"""Growth is that of the last day …"""
LEAST_GROWTH_SECONDS = 3600.0
"""… and not told before it has been seen for so long: at the start everything grows."""
POINT_SECONDS = 600.0
RESTARTS_SECONDS = 600.0


class Memory(Struct, kw_only=True):
    """Times are Unix seconds."""

    at: float = 0.0
    """Of the last sample; 0: there has been none."""
    walked_at: float = 0.0
    walk_seconds: float = 0.0
    """How long the last walk took."""
    walked: list[Place] = field(default_factory=list)
    sizes: list[tuple[float, int]] = field(default_factory=list)
    """Time and bytes of all places."""
    restarts: list[tuple[float, dict[str, int]]] = field(default_factory=list)
    """Time and restarts of each service."""
    tables: dict[str, int] = field(default_factory=dict)
    """Tables that were there, and their versions: one that has gone is missed."""
    behind: dict[str, float] = field(default_factory=dict)
    """Since when what a table is built from has been ahead of it, without a moment in between."""
    refused_per_minute: dict[str, float] = field(default_factory=dict)
    """By source."""
    failures: int = 0
    """Parts of samples that failed, since the beginning."""

    def growth(self) -> float | None:
        """Bytes a day."""
        if not self.sizes:
            return None
        (since, before), (until, after) = self.sizes[0], self.sizes[-1]
        if until - since < LEAST_GROWTH_SECONDS:
            return None
        return (after - before) / (until - since) * 86_400

    def saw_size(self, now: float, size: int) -> None:
        if not self.sizes or now - self.sizes[-1][0] >= POINT_SECONDS:
            self.sizes = [point for point in self.sizes if now - point[0] <= GROWTH_SECONDS]
            self.sizes.append((now, size))

    def saw_restarts(self, now: float, restarts: dict[str, int]) -> None:
        self.restarts = [point for point in self.restarts if now - point[0] <= RESTARTS_SECONDS]
        self.restarts.append((now, restarts))

    def deaths(self, service: str, restarts: int | None, now: float) -> int:
        """Restarts of a service lately; its count begins anew with each supervisor."""
        counts = [counts.get(service, 0) for at, counts in self.restarts if now - at <= RESTARTS_SECONDS]
        counts.append(restarts or 0)
        return sum(max(after - before, 0) for before, after in pairwise(counts))


def memory_path(settings: Settings) -> Path:
    return run_folder(settings) / "health.json"


def read_memory(settings: Settings) -> Memory:
    """An empty one where there is none, or one that cannot be read: it is only remembered, not known."""
    try:
        return msgspec.json.decode(memory_path(settings).read_bytes(), type=Memory)
    except FileNotFoundError:
        return Memory()
    except (OSError, msgspec.DecodeError) as error:
        log.warning("health's memory is lost: %s", error)
        return Memory()


def write_memory(settings: Settings, memory: Memory) -> None:
    """Raises OSError where the disk refuses."""
    path = memory_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".fresh")
    fresh.write_bytes(msgspec.json.encode(memory))
    fresh.replace(path)
