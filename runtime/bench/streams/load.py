"""A steady load of all sources on a broker, ingestion and workers that run for a benchmark."""

from __future__ import annotations

import time
from collections.abc import Callable

from contracts.errors import DependencyError
from contracts.heartbeat import read_heartbeats
from runtime.bench.streams.local import LocalStreams

SHARES = {"mobile": 0.3, "web": 0.3, "clickstream": 0.3, "cdc": 0.05, "external-data": 0.05}
"""Of all events: 60 % app events, 30 % clicks, the rest shared."""
READY_SECONDS = 60.0


def start(local: LocalStreams, rate: float) -> None:
    """Starts ingestion, the stream workers and the simulators, together ``rate`` events/s."""
    local.start("ingestion", "ingest")
    for number in range(1, local.settings.streams.workers + 1):
        local.start(f"stream-worker-{number}", "worker", "--index", str(number))
    _wait_until_ready(local)
    for name, share in SHARES.items():
        local.start(f"{name}-simulator", "simulate", name, "--rate", str(rate * share))


def warm_up(local: LocalStreams, seconds: float, told: Callable[[str], None]) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        local.check()
        told(f"warming up: {left:.0f} s left")
        time.sleep(min(left, 1.0))


def _wait_until_ready(local: LocalStreams) -> None:
    wanted = {name for name in local.running if name == "ingestion" or name.startswith("stream-worker")}
    deadline = time.monotonic() + READY_SECONDS
    while True:
        local.check()
        beats = read_heartbeats(local.settings)
        # Without a schema registry ingestion serves from the schemas that it ships, and says so.
        if all(name in beats and beats[name].state in ("running", "degraded") for name in wanted):
            return
        if time.monotonic() > deadline:
            raise DependencyError(f"not ready in {READY_SECONDS:.0f} s: {', '.join(sorted(wanted))}")
        time.sleep(0.2)
