"""What changes by the second: services, rates, lag and table versions, computed once for all who watch."""

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
from web.queries import Queries

SECONDS = 1.0
"""A moment is computed so often while anybody watches."""
RETRY_MS = 2000
"""A browser comes back this long after the connection broke."""


class ServiceRate(Struct, kw_only=True):
    """One service's own word of itself."""

    name: str
    state: str
    """As in its heartbeat; `lost`: it has stopped."""
    events_per_second: float
    total: int


class SourceRate(Struct, kw_only=True):
    """One source as ingestion sees it."""

    name: str
    events_per_second: float = 0.0
    invalid_per_second: float = 0.0
    lag: int | None = None
    """Records of its topic that ingestion has still to read; null: not known."""


class Moment(Struct, kw_only=True):
    """One event of `GET /events`."""

    at: float
    """Unix seconds."""
    services: list[ServiceRate]
    sources: list[SourceRate]
    versions: dict[str, int | None]
    """Newest Delta version of each table; null: not created yet, or without versions."""


class Live:
    """The moments, one a second, for any number of watchers. One event loop only."""

    def __init__(self, settings: Settings, queries: Queries) -> None:
        self._settings = settings
        self._queries = queries
        self._watchers = 0
        self._newest: bytes | None = None
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
            moment = await asyncio.to_thread(self.moment)
            number += 1
            event = b"event: moment\nid: %d\ndata: %b\n\n" % (number, msgspec.json.encode(moment))
            coming, self._next = self._next, None
            if coming is not None:
                coming.set_result(event)
            await asyncio.sleep(SECONDS)

    def moment(self) -> Moment:
        """The state now. Reads files only."""
        now = time.time()
        beats = read_heartbeats(self._settings)
        snapshots = {name: self._queries.snapshots.look(name)[0] for name in self._queries.datasets}
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
            sources=source_rates([beat for beat in beats.values() if now - beat.at <= FRESH_SECONDS]),
            versions={name: found.version if found else None for name, found in snapshots.items()},
        )


def source_rates(beats: list[Heartbeat]) -> list[SourceRate]:
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
    return list(rates.values())
