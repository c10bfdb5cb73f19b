"""Speed and CPU between two marks, so that starting, warming up and the last, waiting flush are left out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from contracts.errors import DependencyError

TICKS = os.sysconf("SC_CLK_TCK")
POLL_SECONDS = 0.05
FROM, UNTIL = 0.15, 0.95
"""Shares of all events between which is measured."""
PATIENCE_SECONDS = 600.0
_PROC = Path("/proc")


class Measured(Struct, kw_only=True):
    """What a system did between the marks. Events/s is by wall clock, CPU is of all its processes."""

    system: str
    case: str
    events: int
    seconds: float
    cpu_us: float
    """Microseconds of CPU an event."""

    @property
    def events_per_second(self) -> float:
        return self.events / max(self.seconds, 1e-9)


class Mark(Struct, frozen=True):
    """A moment: how far the system was, and what it had used."""

    progress: int
    at: float
    cpu: float


def cpu_seconds(pid: int) -> float:
    """CPU of a process with its ended children and those that its first thread started, seconds; 0 where it
    is gone."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        children = (_PROC / str(pid) / "task" / str(pid) / "children").read_text().split()
    except OSError:
        return 0.0
    own = sum(int(field) for field in fields[11:15]) / TICKS
    return own + sum(cpu_seconds(int(child)) for child in children)


def resident(pid: int) -> int:
    """Resident bytes of a process; 0 where it is gone."""
    try:
        return int((_PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def measure(
    parts: Mapping[str, tuple[Sequence[int], Callable[[], int]]],
    *,
    total: int,
    alive: Callable[[], None],
    told: Callable[[str], None],
) -> dict[str, tuple[Mark, Mark]]:
    """Marks of each part of a system at FROM and UNTIL of ``total`` events by its own progress.

    A part is its process ids and what says how many events it has settled. ``alive`` raises where one of
    them has ended. Raises DependencyError where it takes longer than PATIENCE_SECONDS.
    """
    first: dict[str, Mark] = {}
    last: dict[str, Mark] = {}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(last) < len(parts):
        if time.monotonic() > deadline:
            raise DependencyError(f"gave up after {PATIENCE_SECONDS:.0f} s at {first} of {total}")
        alive()
        for name, (pids, progress) in parts.items():
            if name in last:
                continue
            done = progress()
            if name in first and done < UNTIL * total:
                continue
            mark = Mark(done, time.monotonic(), sum(map(cpu_seconds, pids)))
            if name not in first:
                if done >= FROM * total:
                    first[name] = mark
            elif done >= UNTIL * total and done > first[name].progress:
                last[name] = mark
            told(f"{name}: {done:,} of {total:,}")
        time.sleep(POLL_SECONDS)
    return {name: (first[name], last[name]) for name in parts}


def measured(system: str, case: str, marks: Mapping[str, tuple[Mark, Mark]], by: str) -> Measured:
    """One result of all parts; events and wall clock are those of the part ``by``."""
    begin, end = marks[by]
    cpu = sum((b.cpu - a.cpu) / max(b.progress - a.progress, 1) for a, b in marks.values())
    return Measured(
        system=system,
        case=case,
        events=end.progress - begin.progress,
        seconds=end.at - begin.at,
        cpu_us=cpu * 1e6,
    )
