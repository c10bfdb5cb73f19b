"""Files of simulated events: the same ones for every system, in the order in which they would have come."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

from contracts.errors import DependencyError
from runtime.bench.streams.local import LocalStreams, dp_command

DISTINCT = 200_000
"""Events that are made; more are the same ones sent again, each time later by what they span, so that event
time goes on as in a backlog, and windows close."""
SPAN_SECONDS = 100
AGE = timedelta(minutes=5)
"""How old the newest events are at least: none may be of the future."""
_TIME = re.compile(rb'(_timestamp":")(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)')


def app_events(local: LocalStreams, count: int) -> Path:
    """A file of ``count`` app events, half of the mobile and half of the web app."""
    return _file(local, ("mobile", "web"), count)


def clicks(local: LocalStreams, count: int) -> Path:
    """A file of ``count`` clicks."""
    return _file(local, ("clickstream",), count)


def _file(local: LocalStreams, simulators: tuple[str, ...], count: int) -> Path:
    distinct = min(count, DISTINCT)
    rounds = -(-count // distinct)
    start = (datetime.now(UTC) - AGE - timedelta(seconds=rounds * SPAN_SECONDS)).replace(microsecond=0)
    parts = _simulated(local, simulators, -(-distinct // len(simulators)), start)
    files = [part.read_bytes().splitlines(keepends=True) for part in parts]
    lines = list(chain.from_iterable(zip(*files, strict=True)))[:distinct]
    path = local.root / f"{'-'.join(simulators)}.ndjson"
    with path.open("wb") as file:
        for number in range(rounds):
            again = b"".join(lines[: count - number * distinct])
            file.write(_later(again, timedelta(seconds=number * SPAN_SECONDS)))
    return path


def _later(lines: bytes, by: timedelta) -> bytes:
    """The lines with their events' times moved by whole seconds."""
    moved: dict[bytes, bytes] = {}

    def move(match: re.Match[bytes]) -> bytes:
        at = moved.get(match[2])
        if at is None:
            at = moved[match[2]] = (datetime.fromisoformat(match[2].decode()) + by).isoformat().encode()
        return match[1] + at

    return _TIME.sub(move, lines)


def _simulated(local: LocalStreams, simulators: tuple[str, ...], count: int, start: datetime) -> list[Path]:
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
