"""Files of simulated events: the same ones for every system, in the order in which they would have come."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

from contracts.errors import DependencyError
from runtime.bench.streams.local import LocalStreams, dp_command

DISTINCT = 200_000
"""Events that are made; more are the same ones sent again."""
SPAN_SECONDS = 100
"""Event time that they spread over: less than the grace, so that none is late the second time."""
AGE = timedelta(minutes=30)


def app_events(local: LocalStreams, count: int) -> Path:
    """A file of ``count`` app events, half of the mobile and half of the web app."""
    return _file(local, ("mobile", "web"), count)


def clicks(local: LocalStreams, count: int) -> Path:
    """A file of ``count`` clicks."""
    return _file(local, ("clickstream",), count)


def _file(local: LocalStreams, simulators: tuple[str, ...], count: int) -> Path:
    distinct = min(count, DISTINCT)
    parts = _simulated(local, simulators, -(-distinct // len(simulators)))
    path = local.root / f"{'-'.join(simulators)}.ndjson"
    with path.open("wb") as file:
        written = 0
        while written < count:
            for line in _merged(parts):
                if written == count:
                    break
                file.write(line)
                written += 1
    return path


def _merged(parts: list[Path]) -> Iterator[bytes]:
    files = [part.read_bytes().splitlines(keepends=True) for part in parts]
    return chain.from_iterable(zip(*files, strict=True))


def _simulated(local: LocalStreams, simulators: tuple[str, ...], count: int) -> list[Path]:
    start = (datetime.now(UTC) - AGE).replace(microsecond=0)
    paths = [local.root / f"{name}.part" for name in simulators]
    running = [
        subprocess.Popen(
            dp_command(
                *("simulate", name, "--count", str(count), "--rate", str(max(count / SPAN_SECONDS, 1))),
                *("--start", start.isoformat(), "--output", str(path)),
            ),
            env=local.environment,
            stderr=subprocess.DEVNULL,
        )
        for name, path in zip(simulators, paths, strict=True)
    ]
    if any(process.wait() for process in running):
        raise DependencyError(f"the simulators {', '.join(simulators)} did not make their events")
    return paths
