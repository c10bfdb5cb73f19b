"""Our own half of `dp bench streams`: ingestion and workers, alone and together, and what they stand on."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from contracts.heartbeat import read_heartbeats
from contracts.sources import APP_EVENTS, Source
from kafka_cluster.state import STREAMS_GROUP
from runtime.bench.streams.local import LocalStreams
from runtime.bench.streams.metering import Mark, Measured, cpu_seconds, measure, measured
from runtime.bench.streams.positions import Committed, Landed

Told = Callable[[str], None]

OURS = "this platform"


class Produced(Struct, kw_only=True):
    """What `dp produce` did with a file. Megabytes are millions of bytes of JSON."""

    lines: int
    megabytes: float
    megabytes_per_second: float
    cpu_us: float
    """Microseconds of CPU a line, start included."""
    log_megabytes: float
    """What the topic then takes on the broker's disk."""

    @property
    def reduction(self) -> float:
        """Share of the bytes of JSON that compression saves, record headers and keys counted in."""
        return 1 - self.log_megabytes / max(self.megabytes, 1e-9)


def produce(local: LocalStreams, source: Source, file: Path) -> Produced:
    """Sends the file to the source's topic."""
    before = _children_cpu()
    said = json.loads(local.run("produce", source.topic, str(file), "--json"))
    size = sum(path.stat().st_size for path in (local.root / "kafka").glob(f"{source.topic}-*/*.log"))
    return Produced(
        lines=said["acknowledged"],
        megabytes=said["bytes"] / 1e6,
        megabytes_per_second=said["mb_per_second"],
        cpu_us=(_children_cpu() - before) / max(said["lines"], 1) * 1e6,
        log_megabytes=size / 1e6,
    )


def ingestion(local: LocalStreams, source: Source, told: Told) -> Measured:
    """Ingestion alone, from the raw topic to the internal one; leaves the internal topic filled."""
    name = f"ingestion-{source.name}"
    process = local.start(name, "ingest", source.name)
    committed = Committed(local.settings, source.consumer_group, source.topic)
    try:
        total = committed.end()
        marks = measure({name: ((process.pid,), committed)}, total=total, alive=local.check, told=told)
        while committed() < total:
            time.sleep(0.1)
    finally:
        committed.close()
        local.stop(name)
    return measured(OURS, f"ingestion alone, {source.name}", marks, name)


def worker(local: LocalStreams, source: Source, told: Told) -> Measured:
    """A worker alone, from the filled internal topic to Parquet, views included."""
    name = "stream-worker-1"
    total = _records(local, source)
    process = local.start(name, "worker")
    try:
        marks = measure(
            {name: ((process.pid,), Landed(local.settings, source))},
            total=total,
            alive=local.check,
            told=told,
        )
    finally:
        local.stop(name)
    return measured(OURS, f"worker alone, {source.name}", marks, name)


def path(local: LocalStreams, source: Source, told: Told) -> Measured:
    """Ingestion and worker at once, from the raw topic to Parquet; CPU of both."""
    names = ("ingestion", "stream-worker-1")
    total = _records(local, source)
    committed = Committed(local.settings, source.consumer_group, source.topic)
    try:
        ingest = local.start(names[0], "ingest", source.name)
        work = local.start(names[1], "worker")
        landed = Landed(local.settings, source)
        marks = measure(
            {names[0]: ((ingest.pid,), committed), names[1]: ((work.pid,), landed)},
            total=total,
            alive=local.check,
            told=told,
        )
    finally:
        committed.close()
        for name in reversed(names):
            local.stop(name)
    return measured(OURS, "raw topic to Parquet", marks, names[1])


def steady(local: LocalStreams, seconds: float, told: Told) -> Measured:
    """CPU an event of ingestion and worker while events come at the pace of the simulators that run."""
    pids = [local.running[name].pid for name in ("ingestion", "stream-worker-1")]
    landed = Landed(local.settings, APP_EVENTS)
    begin = Mark(_all_read(local), time.monotonic(), sum(map(cpu_seconds, pids)))
    while (left := begin.at + seconds - time.monotonic()) > 0:
        local.check()
        told(f"steady: {left:.0f} s left, {landed():,} app events landed")
        time.sleep(min(left, 1.0))
    end = Mark(_all_read(local), time.monotonic(), sum(map(cpu_seconds, pids)))
    return measured(OURS, "steady, all sources", {"all": (begin, end)}, "all")


def _all_read(local: LocalStreams) -> int:
    beat = read_heartbeats(local.settings).get("ingestion")
    return beat.total if beat else 0


def _records(local: LocalStreams, source: Source) -> int:
    topic = Committed(local.settings, STREAMS_GROUP, source.topic)
    try:
        return topic.end()
    finally:
        topic.close()


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
