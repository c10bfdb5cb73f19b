"""How old events are when they are in Parquet, at a steady rate, and how long flushes take."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable

from msgspec import Struct

from contracts.configuration import Resolved
from contracts.heartbeat import read_heartbeats
from contracts.sources import SOURCES
from runtime.bench.freshness import Ages, LandingWatch, Window, ages
from runtime.bench.streams import load
from runtime.bench.streams.local import LocalStreams

PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.5
TARGET_SHARE = 1.2
"""Of the flush interval: what p95 may be with the default, 12 s for 10 s."""
SHORT_TARGET_SECONDS = 4.0
FLUSH_TARGET_SECONDS = 2.0


class Latency(Struct, kw_only=True):
    """Ages by source and of all together, seconds; and the durations of flushes, one partition each."""

    rate: float
    flush_seconds: float
    ages: list[Ages]
    flushes: int
    flush_p50: float | None
    flush_p95: float | None
    flush_most: float | None

    @property
    def met(self) -> bool:
        flush = self.flush_most is not None and self.flush_most <= FLUSH_TARGET_SECONDS
        return flush and bool(self.ages[-1].met)


def measure(
    parent: Resolved, *, rate: float, seconds: float, warm: float, told: Callable[[str], None]
) -> Latency:
    """Starts everything but the lakehouse and lets ``rate`` events/s come; measured are all events of
    ``seconds`` seconds after ``warm`` seconds."""
    with LocalStreams(parent) as local:
        load.start(local, rate)
        load.warm_up(local, warm, told)
        begin = time.time_ns() // 1_000_000
        window = Window(begin, begin + int(seconds * 1000))
        watches = [LandingWatch(local.settings, source) for source in SOURCES]
        flushes: dict[float, int] = defaultdict(int)
        seen: dict[str, float] = {}
        while True:
            local.check()
            for watch in watches:
                watch.look(window)
            _note_flushes(local, seen, flushes)
            now = time.time_ns() // 1_000_000
            margin = int(local.settings.streams.flush_seconds * 1500)
            complete = all(watch.newest >= window.end + margin for watch in watches if watch.newest)
            if now >= window.end and (complete or now > window.end + PATIENCE_SECONDS * 1000):
                break
            told(f"measuring: {max(window.end - now, 0) / 1000:.0f} s left")
            time.sleep(LOOK_SECONDS)
        flush_seconds = local.settings.streams.flush_seconds
    target = max(TARGET_SHARE * flush_seconds, SHORT_TARGET_SECONDS)
    together: dict[float, int] = defaultdict(int)
    for watch in watches:
        for age, count in watch.counts.items():
            together[age] += count
    found = [ages("landing", watch.source.name, watch.counts, None) for watch in watches if watch.counts]
    durations = ages("flush", "all", flushes, None)
    return Latency(
        rate=rate,
        flush_seconds=flush_seconds,
        ages=[*found, ages("landing", "all", together, target)],
        flushes=durations.events,
        flush_p50=durations.p50,
        flush_p95=durations.p95,
        flush_most=durations.most,
    )


def _note_flushes(local: LocalStreams, seen: dict[str, float], flushes: dict[float, int]) -> None:
    """The last flush of each worker, as its heartbeat tells it once a second: a sample of them."""
    for name, beat in read_heartbeats(local.settings).items():
        if name.startswith("stream-worker") and seen.get(name) != beat.at:
            seen[name] = beat.at
            took = beat.details.get("flush_seconds")
            if took:
                flushes[round(float(took), 3)] += 1
