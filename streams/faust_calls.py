"""The calls into Faust that its public interface does not offer. Each is pinned by a test, so that an upgrade
that moves one fails there and not in production."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from faust.types import TP

from contracts.settings import Settings
from contracts.sources import SOURCES, source_named
from kafka_cluster.topics import topic_ids
from streams.buckets import BUCKETS, bucket_key
from streams.flusher import Key

FETCH_WAIT_MS = 50
"""How long the broker may hold a fetch back that finds nothing new."""
_MARK = "_dp_seeks_to_zero"
_SOURCE_OF_TOPIC = {source.internal_topic: source.name for source in SOURCES}


class FaustBroker:
    """What flushing needs, from a running Faust app; implements ``streams.flusher.Broker``."""

    def __init__(self, settings: Settings, app: Any, table: Any) -> None:
        self._settings = settings
        self._app = app
        self._table = table

    async def commit(self, key: Key, offset: int) -> bool:
        return bool(await self._app.consumer._commit({internal_partition(key): offset}))

    async def write_bucket(self, key: Key, bucket: int, value: bytes) -> None:
        name = bucket_key(*key, bucket)
        await self._table.send_changelog(key[1], name, value)
        self._table.data[name] = value
        self._table.data._key_partition[name] = key[1]

    def buckets(self, key: Key) -> Mapping[int, bytes]:
        data = self._table.data
        found = ((bucket, data.get(bucket_key(*key, bucket))) for bucket in range(BUCKETS))
        return {bucket: value for bucket, value in found if value}

    async def topic_id(self, key: Key) -> str | None:
        topic = source_named(key[0]).topic
        return (await asyncio.to_thread(topic_ids, self._settings, [topic])).get(topic)

    def end_offset(self, key: Key) -> int | None:
        end: int | None = self._app.consumer.highwater(internal_partition(key))
        return end


def internal_partition(key: Key) -> TP:
    """The partition of the internal topic that carries a source partition."""
    return TP(f"internal_{key[0]}", key[1])


def owned_keys(app: Any) -> list[Key]:
    """Source partitions that are assigned to this worker."""
    return sorted(
        (_SOURCE_OF_TOPIC[tp.topic], tp.partition)
        for tp in app.consumer.assignment()
        if tp.topic in _SOURCE_OF_TOPIC
    )


def recovered_changes(app: Any) -> int:
    """A number that grows with what the tables' recovery has read of its changelogs."""
    return sum(offset or 0 for offset in app.tables.recovery.active_offsets.values())


def fetch_without_waiting(app: Any) -> None:
    """Lets fetches come back after ``FETCH_WAIT_MS`` instead of Faust's 1.5 s.

    The client sends a broker one fetch at a time, and leaves partitions out of which it holds records: with a
    backlog in some and nothing in the others, the fetch of the others waits at the broker for all that time,
    and nobody asks for more of the backlog.
    """
    app.consumer._thread._consumer._fetcher._fetch_max_wait_ms = FETCH_WAIT_MS


def seek_to_zero_too(app: Any) -> None:
    """Lets Faust go back to a committed offset of 0 when recovery ends, as to any other.

    The client's ``seek_to_committed`` passes over 0, and what it fetched of a partition while the tables were
    recovered has been dropped by then: without this a worker whose partitions have records, but no commit
    beyond 0, skips them at every start.
    """
    thread = app.consumer._thread
    if getattr(thread, _MARK, False):
        return
    ordinary = thread.seek_to_committed

    async def seek_to_committed() -> Mapping[TP, int]:
        committed: Mapping[TP, int] = await ordinary()
        at_zero = {
            TP(*tp): 0 for tp, offset in committed.items() if offset == 0 and tp.topic in _SOURCE_OF_TOPIC
        }
        if at_zero:
            await thread.seek_wait(at_zero)
        return committed

    thread.seek_to_committed = seek_to_committed
    setattr(thread, _MARK, True)


async def next_offsets(app: Any, keys: Iterable[Key]) -> dict[Key, int]:
    """Where reading of each partition begins, and commits that where nothing, or something that retention
    has cut, is committed: Faust would seek to neither."""
    partitions = {internal_partition(key): key for key in keys}
    if not partitions:
        return {}
    committed = {TP(*tp): offset for tp, offset in (await app.consumer.seek_to_committed()).items()}
    earliest = await app.consumer.earliest_offsets(*partitions)
    begins, missing = {}, {}
    for tp, key in partitions.items():
        known, first = committed.get(tp), earliest.get(tp) or 0
        begins[key] = max(known if known is not None else first, first)
        if known is None or known < first:
            missing[tp] = begins[key]
    if missing:
        await app.consumer._commit(missing)
    return begins
