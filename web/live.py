"""What changes by the second: services, rates, latency, hops and table versions, computed once for all who
watch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from msgspec import Struct

from contracts.heartbeat import FRESH_SECONDS, Heartbeat, read_heartbeats
from contracts.settings import Settings
from contracts.sources import SOURCES
from lakehouse.alerts.state import read_state
from web.health import WORDS, Doctor, Status
from web.hops import Hop, Hops, newest_age
from web.queries import Queries

SECONDS = 1.0
"""A moment is computed so often while anybody watches."""
LEAST_PAUSE = 0.2
"""After one that took long, as on a disk that stalls."""
RETRY_MS = 2000
"""A browser comes back this long after the connection broke."""


class ServiceRate(Struct, kw_only=True):
    """One service's own word of itself."""

    name: str
    state: str
    """As in its heartbeat; `lost`: it has stopped."""
    events_per_second: float
    total: int


class Latency(Struct, kw_only=True):
    """From Kafka's timestamp of a record, which is its producer's, until ingestion has validated it and sends
    it on; milliseconds, of the last 15 s. Of several ingestion processes the slowest."""

    p50: float
    p95: float


class SourceRate(Struct, kw_only=True):
    """One source as ingestion sees it."""

    name: str
    events_per_second: float = 0.0
    invalid_per_second: float = 0.0
    lag: int | None = None
    """Records of its topic that ingestion has still to read; null: not known."""
    latency_ms: Latency | None = None
    """Null: no event came lately."""
    newest_event_age_seconds: float | None = None
    """Since Kafka's timestamp of its newest event; null: there has been none."""


class Moment(Struct, kw_only=True):
    """One event of `GET /events`."""

    at: float
    """Unix seconds."""
    services: list[ServiceRate]
    sources: list[SourceRate]
    versions: dict[str, int | None]
    """Newest Delta version of each table; null: not created yet, or without versions."""
    hops: list[Hop]
    """The way from producers to gold, in its order."""
    health: Status
    """As `GET /health` has it."""
    firing: int
    """Alerts that fire."""


class Live:
    """The moments, one a second, for any number of watchers. One event loop only."""

    def __init__(self, settings: Settings, queries: Queries, doctor: Doctor | None = None) -> None:
        self._settings = settings
        self._queries = queries
        self._doctor = doctor or Doctor(settings, queries.snapshots, queries.datasets)
        self._hops = Hops(settings, queries.datasets)
        self._watchers = 0
        self._newest = b""
        self._newest_at = -SECONDS
        self._next: asyncio.Future[bytes] | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def watchers(self) -> int:
        return self._watchers

    async def watch(self) -> AsyncIterator[bytes]:
        """Server-sent events, the newest moment first, until the watcher goes."""
        self._watchers += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        try:
            yield b"retry: %d\n\n" % RETRY_MS
            if time.monotonic() - self._newest_at < SECONDS:
                yield self._newest  # a page is not to wait for what is known
            while True:
                yield await asyncio.shield(self._coming())
        finally:
            self._watchers -= 1
            if not self._watchers and self._task is not None:
                self._task.cancel()

    def _coming(self) -> asyncio.Future[bytes]:
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        return self._next

    async def _run(self) -> None:
        number = 0
        while True:
            began = time.monotonic()
            moment = await asyncio.to_thread(self.moment)
            number += 1
            self._newest = b"event: moment\nid: %d\ndata: %b\n\n" % (number, msgspec.json.encode(moment))
            self._newest_at = time.monotonic()
            coming, self._next = self._next, None
            if coming is not None:
                coming.set_result(self._newest)
            await asyncio.sleep(max(began + SECONDS - time.monotonic(), LEAST_PAUSE))

    def moment(self) -> Moment:
        """The state now. Reads files only. For one thread at a time."""
        now = time.time()
        beats = read_heartbeats(self._settings)
        snapshots = {name: self._queries.snapshots.look(name)[0] for name in self._queries.datasets}
        report = self._doctor.report()
        return Moment(
            at=now,
            services=[
                ServiceRate(
                    name=name,
                    state=beat.state if now - beat.at <= FRESH_SECONDS else "lost",
                    events_per_second=beat.rate if now - beat.at <= FRESH_SECONDS else 0.0,
                    total=beat.total,
                )
                for name, beat in sorted(beats.items())
            ],
            sources=source_rates([beat for beat in beats.values() if now - beat.at <= FRESH_SECONDS], now),
            versions={name: found.version if found else None for name, found in snapshots.items()},
            hops=self._hops.look(beats, snapshots, report, now),
            health=WORDS[report.status],
            firing=sum(alert.state == "firing" for alert in read_state(self._settings).alerts),
        )


def source_rates(beats: list[Heartbeat], now: float) -> list[SourceRate]:
    """Every source, as the ingestion processes among ``beats`` see it together."""
    rates = {source.name: SourceRate(name=source.name) for source in SOURCES}
    for beat in beats:
        said: dict[str, Any] = beat.details.get("sources", {})
        for name, details in said.items():
            rate = rates.get(name)
            if rate is None:
                continue
            rate.events_per_second += details.get("messages_per_second", 0.0)
            rate.invalid_per_second += sum(details.get("invalid_per_second", {}).values())
            rate.lag = (rate.lag or 0) + details.get("lag", 0)
            rate.latency_ms = _slower(rate.latency_ms, details.get("latency_ms"))
    for name, rate in rates.items():
        age = newest_age(beats, now, name)
        rate.newest_event_age_seconds = None if age is None else round(age, 2)
    return list(rates.values())


def _slower(one: Latency | None, said: dict[str, float] | None) -> Latency | None:
    if said is None:
        return one
    if one is None:
        return Latency(p50=said["p50"], p95=said["p95"])
    return Latency(p50=max(one.p50, said["p50"]), p95=max(one.p95, said["p95"]))
