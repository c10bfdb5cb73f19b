"""Whether memory, lag and files stay bounded while events keep coming."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from contracts.configuration import Resolved
from contracts.heartbeat import read_heartbeats
from contracts.layout import chains_root
from contracts.sources import SOURCES
from kafka_cluster.lag import consumer_lag
from runtime.bench.streams import load
from runtime.bench.streams.local import LocalStreams
from runtime.bench.streams.metering import resident

SAMPLE_SECONDS = 10.0
SETTLED_AFTER = 1 / 3
"""Share of the time after which memory should be flat."""
FLAT = 1.1
"""The last third may take so many times what the second did."""
LAG_SECONDS = 3.0
"""Most events that may wait before ingestion, in seconds of the rate."""
VIEWS = 2
"""Sources that feed a view: app events and clicks."""
MB = 1024 * 1024


class Memory(Struct, kw_only=True):
    """Resident memory of one process over time, MiB: medians of each third, and the peak."""

    process: str
    first: float
    second: float
    last: float
    peak: float

    @property
    def flat(self) -> bool:
        return self.last <= FLAT * self.second


class Soak(Struct, kw_only=True):
    """What a long run came to. Lags are in records: raw events, and packed records of them."""

    minutes: float
    rate: float
    events: int
    memory: list[Memory]
    most_lag: int
    most_packed_lag: int
    landing_files: int
    landing_bound: int
    """One file a flush of each partition of each source, and one a full batch of records."""
    view_files: int
    view_bound: int
    """Two files a flush of each partition that feeds a view: midnight lies between two dates."""
    errors: list[str]
    """Lines that services logged as errors, and processes that ended; at most 20."""

    @property
    def passed(self) -> bool:
        bounded = self.most_lag <= LAG_SECONDS * self.rate
        few = self.landing_files <= self.landing_bound and self.view_files <= self.view_bound
        return bounded and few and not self.errors and all(memory.flat for memory in self.memory)


def run(parent: Resolved, *, minutes: float, rate: float, told: Callable[[str], None]) -> Soak:
    """Lets everything but the lakehouse run at ``rate`` events/s."""
    with LocalStreams(parent) as local:
        load.start(local, rate)
        samples: dict[str, list[float]] = {name: [] for name in local.running}
        raw, packed = [0], [0]
        until = time.monotonic() + minutes * 60
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, SAMPLE_SECONDS))
            local.check()
            for name, process in local.running.items():
                samples[name].append(resident(process.pid) / MB)
            lags = consumer_lag(local.settings)
            raw.append(sum(lag.lag for lag in lags if lag.topic.startswith("topic_")))
            packed.append(sum(lag.lag for lag in lags if lag.topic.startswith("internal_")))
            told(f"{left / 60:.1f} minutes left, {raw[-1]:,} events wait")
        beat = read_heartbeats(local.settings).get("ingestion")
        events = beat.total if beat else 0
        streams = local.settings.streams
        flushes = local.settings.kafka.partitions * (1 + int(minutes * 60 / streams.flush_seconds))
        full = events // streams.flush_records
        return Soak(
            minutes=minutes,
            rate=rate,
            events=events,
            memory=[_memory(name, values) for name, values in samples.items()],
            most_lag=max(raw),
            most_packed_lag=max(packed),
            landing_files=sum(_files(chains_root(local.settings, source)) for source in SOURCES),
            landing_bound=len(SOURCES) * flushes + full,
            view_files=sum(_files(folder) for folder in local.settings.outputs_root.glob("*/date=*")),
            view_bound=2 * (VIEWS * flushes + full),
            errors=_errors(local)[:20],
        )


def _files(folder: Path) -> int:
    return sum(1 for _ in folder.glob("**/*.parquet"))


def _memory(name: str, values: list[float]) -> Memory:
    third = max(round(len(values) * SETTLED_AFTER), 1)
    parts = [values[:third], values[third : 2 * third] or values, values[2 * third :] or values]
    first, second, last = (round(statistics.median(part), 1) for part in parts)
    return Memory(process=name, first=first, second=second, last=last, peak=round(max(values), 1))


def _errors(local: LocalStreams) -> list[str]:
    found = []
    for name in local.running:
        for line in local.log_of(name).read_text("utf-8", "replace").splitlines():
            if '"level":"error"' in line or '"level":"critical"' in line or "Traceback" in line:
                found.append(f"{name}: {line[:300]}")
    return found
