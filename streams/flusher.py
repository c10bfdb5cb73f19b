"""All partitions of a worker: when they flush, what is committed after, and what happens when that fails.

Knows no Faust; the few things that it needs of a broker are a protocol, so that tests drive it without one.
Everything here runs on one event loop, and flushes in one thread, one at a time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from contracts.errors import ConflictError, PlatformError
from contracts.settings import Settings
from contracts.sources import Source, source_named
from streams.chain import Step, no_step
from streams.packing import NO_OFFSET
from streams.partition import Flushed, Partition
from streams.recovery import BronzeRows, no_rows
from streams.watchdog import Watchdog

log = logging.getLogger(__name__)

Key = tuple[str, int]
"""Source name and partition."""
T = TypeVar("T")

BUCKET_SHARE = 0.75
"""Of the largest record; a bucket that is larger stays behind, and landing makes up for it."""
WATCHDOG_SECONDS = 60.0
"""Least time without progress that counts as stuck."""
LONGEST_PAUSE_SECONDS = 15.0
IDLE_CHECK_SECONDS = 5.0


class Broker(Protocol):
    """What flushing needs of Kafka and of the Faust table."""

    async def commit(self, key: Key, offset: int) -> bool:
        """Commits the next offset to read of the internal topic; False where we are no longer the owner."""

    async def write_bucket(self, key: Key, bucket: int, value: bytes) -> None:
        """Stores one bucket; acknowledged when this returns."""

    def buckets(self, key: Key) -> Mapping[int, bytes]:
        """The buckets of a partition as the table has them."""

    def end_offset(self, key: Key) -> int | None:
        """End of the internal topic's partition, as last heard."""

    async def topic_id(self, key: Key) -> str | None:
        """Kafka's present id of the source topic."""


class Owned(Struct, frozen=True):
    """A partition that the worker has been assigned."""

    topic_id: str
    next_offset: int
    """Where reading of the internal topic begins: the committed offset."""
    source_end: int | None
    """End of the source topic's partition; no chain may be ahead of it."""


class Slot(Struct, eq=False):
    """A partition with what the worker knows of it besides. Identity says whether it is still the one."""

    partition: Partition
    expected: int
    """Offset of the internal topic that comes next."""
    committed: int
    read_at: float
    broken: bool = False
    """The state may not match landing: load before the next flush."""
    table_behind: bool = False


class Flusher:
    """Owns the partitions of one worker."""

    def __init__(
        self,
        settings: Settings,
        broker: Broker,
        on_fatal: Callable[[str], None],
        step: Step = no_step,
        bronze: BronzeRows = no_rows,
    ) -> None:
        self.landed = 0
        """Rows landed since the start."""
        self.read_bytes = 0
        """Bytes of the records taken since the start."""
        self.committed_at = 0.0
        """When something was last committed, Unix seconds; 0: not yet."""
        self.flush_seconds = 0.0
        """How long the last flush took."""
        self.failure = ""
        """Why nothing can be written at present; empty: all is well."""
        self._streams = settings.streams
        self._settings = settings
        self._largest_bucket = int(settings.kafka.max_message_bytes * BUCKET_SHARE)
        self._broker = broker
        self._on_fatal = on_fatal
        self._step = step
        self._bronze = bronze
        self._slots: dict[Key, Slot] = {}
        self._lock = asyncio.Lock()
        self._room = asyncio.Event()
        self._room.set()
        self._budget = 2 * self._streams.flush_bytes
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="flush")
        self._attempt = 0
        self._retry_at = 0.0
        self._idle_checked_at = 0.0
        self._turn_seconds = 0.0
        """How long a partition's flush, table and commit take, the slowest of late."""
        self._watchdog = Watchdog(max(WATCHDOG_SECONDS, 6 * self._streams.flush_seconds))

    @property
    def slots(self) -> Mapping[Key, Slot]:
        return self._slots

    @property
    def is_paused(self) -> bool:
        """Whether consumption waits for room."""
        return not self._room.is_set()

    def end_offset(self, key: Key) -> int | None:
        """End of the internal topic's partition, as last heard."""
        return self._broker.end_offset(key)

    def forget(self) -> None:
        """Drops every partition: they may belong to somebody else now. A flush that is running will find out
        before it commits."""
        self._slots = {}
        self._make_room()

    async def load(self, owned: Mapping[Key, Owned]) -> None:
        """Forgets all and loads the partitions that are owned now. Raises ContractError for a damaged chain,
        ConflictError for one that is ahead of its topic, OSError."""
        self.forget()
        async with self._lock:
            now = time.monotonic()
            slots = {}
            for key, own in owned.items():
                partition = await self._loaded(source_named(key[0]), key[1], own.topic_id)
                if own.source_end is not None and partition.position >= own.source_end:
                    raise ConflictError(
                        f"landing of {key[0]} partition {key[1]} reaches source offset {partition.position}, "
                        f"but its topic ends at {own.source_end}: the topic has lost data or the data root "
                        "belongs to another cluster; give the topic its data back, or recreate it, or use "
                        "another data root"
                    )
                slots[key] = Slot(partition, own.next_offset, own.next_offset, now)
            self._slots = slots

    def append(self, key: Key, offset: int, data: bytes) -> None:
        """Takes one record of the internal topic. Ends the process where one before it was skipped."""
        slot = self._slots.get(key)
        if slot is None:
            log.debug("%s/%d: record %d of a partition that is not ours", *key, offset)
            return
        if offset > slot.expected:
            self._on_fatal(
                f"{key[0]}/{key[1]}: record {slot.expected} of the internal topic was skipped, {offset} came"
            )
            return
        slot.expected = max(slot.expected, offset + 1)
        slot.read_at = time.monotonic()
        slot.partition.append(offset, data)
        self.read_bytes += len(data)
        self._make_room()

    async def room(self) -> None:
        """Waits until more may be taken: below the byte budget, and with a disk that takes writes."""
        await self._room.wait()

    async def tick(self) -> bool:
        """Flushes what is due; whether something was, so that more may be by now. To be called a few times a
        second; never raises for what a retry may mend."""
        now = time.monotonic()
        if self.failure and now < self._retry_at:
            return False
        due = [slot for slot in self._slots.values() if self._is_due(slot, now)]
        for slot in sorted(due, key=lambda slot: -slot.partition.waiting_bytes):
            if not await self._flush(slot):
                return False
        if self.failure and not due:
            self._succeed()
        if now - self._idle_checked_at >= IDLE_CHECK_SECONDS:
            self._idle_checked_at = now
            await self._close_idle(now)
        return any(not slot.broken for slot in due)

    async def flush_all(self) -> None:
        """Flushes and commits all that waits and brings the table up to date; for a graceful stop."""
        for slot in list(self._slots.values()):
            if slot.partition.is_due or slot.table_behind:
                await self._flush(slot, with_table=True)

    def watch(self) -> None:
        """Ends the process when a partition makes no progress although it could."""
        self._watchdog.look(self._slots, self._turn_seconds * len(self._slots))
        for key, slot in self._slots.items():
            reason = self._watchdog.stuck(
                key,
                committed=slot.committed,
                expected=slot.expected,
                end=self._broker.end_offset(key),
                paused=self.is_paused,
                failing=bool(self.failure),
            )
            if reason:
                self._on_fatal(reason)

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _flush(self, slot: Slot, *, with_table: bool = False) -> bool:
        """One partition's flush, table and commit. False: it failed and is to be tried again later."""
        async with self._lock:
            key = self._key(slot)
            if not self._is_current(key, slot):
                return True
            try:
                if slot.broken:
                    await self._reload(slot)
                started = time.monotonic()
                flushed = await self._in_thread(slot.partition.flush, self._step)
                self.flush_seconds = time.monotonic() - started
                slot.partition.settle(flushed)
                self.landed += flushed.rows
                if flushed.foreign:
                    await self._check_topic(key, slot, flushed.foreign)
                await self._write_table(key, slot, with_table)
            except ConflictError as error:
                log.warning("%s; loading again", error)
                slot.broken = True
                return True
            except OSError as error:
                self._fail(slot, f"cannot write: {error}")
                return False
            except PlatformError as error:
                self._on_fatal(str(error))
                return False
            except Exception as error:
                log.exception("flush of %s/%d failed", *key)
                self._fail(slot, f"flush failed: {error!r}")
                return False
            self._succeed()
            await self._commit(key, slot, flushed)
            self._turn_seconds = max(time.monotonic() - started, 0.9 * self._turn_seconds)
            return True

    async def _check_topic(self, key: Key, slot: Slot, foreign: int) -> None:
        """Records of another topic of that name: left over from one that is gone, or from one that has been
        made anew since the start, whose chain is another."""
        present = await self._broker.topic_id(key)
        if present != slot.partition.topic_id:
            self._on_fatal(f"{key[0]}: the source topic has been made anew, its id is now {present}")
        log.warning("%s/%d: %d records of a topic that no longer exists were skipped", *key, foreign)

    async def _write_table(self, key: Key, slot: Slot, at_once: bool) -> None:
        if not slot.partition.has_view:
            return
        slot.table_behind = True
        if not at_once and slot.partition.flushes % self._streams.table_every_flushes:
            return
        buckets = await self._in_thread(slot.partition.snapshot)
        self._step("snapshot")
        fitting = []
        for bucket, value in buckets:
            if len(value) <= self._largest_bucket:
                fitting.append((bucket, value))
            else:
                log.error("%s/%d: bucket %d has %d bytes, too many for one record", *key, bucket, len(value))
        # The others at once: one after another, their acknowledgements would take longer than the flush.
        for step, part in (("first bucket", fitting[:1]), ("other buckets", fitting[1:])):
            if not self._is_current(key, slot):
                return
            await asyncio.gather(*(self._broker.write_bucket(key, *each) for each in part))
            self._step(step)
        slot.table_behind = False
        self._step("table")

    async def _commit(self, key: Key, slot: Slot, flushed: Flushed) -> None:
        if flushed.commit == NO_OFFSET or not self._is_current(key, slot):
            return
        if await self._broker.commit(key, flushed.commit):
            slot.committed = max(slot.committed, flushed.commit)
            self.committed_at = time.time()
            self._step("committed")
        else:
            log.warning("%s/%d: commit of %d refused: no longer the owner", *key, flushed.commit)

    async def _close_idle(self, now: float) -> None:
        for key, slot in list(self._slots.items()):
            end = self._broker.end_offset(key)
            silent = now - slot.read_at >= self._streams.idle_close_seconds
            if slot.broken or slot.partition.is_due or not silent or (end or 0) > slot.expected:
                continue
            async with self._lock:
                if not self._is_current(key, slot) or slot.partition.is_due:
                    continue
                try:
                    await self._in_thread(slot.partition.close_idle, time.time())
                except OSError as error:
                    self._fail(slot, f"cannot write: {error}")
                    return

    async def _reload(self, slot: Slot) -> None:
        old = slot.partition
        fresh = await self._loaded(old.source, old.number, old.topic_id)
        fresh.adopt(old)
        slot.partition, slot.broken = fresh, False

    async def _loaded(self, source: Source, number: int, topic_id: str) -> Partition:
        partition = Partition(self._settings, source, number, topic_id, self._bronze)
        await self._in_thread(partition.load, self._broker.buckets((source.name, number)))
        return partition

    async def _in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def _is_due(self, slot: Slot, now: float) -> bool:
        partition = slot.partition
        if slot.broken or not partition.waiting:
            return partition.is_due
        return (
            now - partition.waiting_since >= self._streams.flush_seconds
            or partition.waiting_events >= self._streams.flush_records
            or partition.waiting_bytes >= self._streams.flush_bytes
            or (self.is_paused and not self.failure)
        )

    def _key(self, slot: Slot) -> Key:
        return slot.partition.source.name, slot.partition.number

    def _is_current(self, key: Key, slot: Slot) -> bool:
        return self._slots.get(key) is slot

    def _fail(self, slot: Slot, reason: str) -> None:
        slot.broken = True
        pause = min(2.0**self._attempt * 0.5, LONGEST_PAUSE_SECONDS)
        self._attempt += 1
        self._retry_at = time.monotonic() + pause
        if reason != self.failure:
            log.error("%s; consumption pauses, next try in %.1f s", reason, pause)
        self.failure = reason
        self._make_room()

    def _succeed(self) -> None:
        if self.failure:
            log.info("writing works again after %d tries", self._attempt)
        self.failure, self._attempt = "", 0
        self._make_room()

    def _make_room(self) -> None:
        waiting = sum(slot.partition.waiting_bytes for slot in self._slots.values())
        if self.failure or waiting > self._budget:
            self._room.clear()
        else:
            self._room.set()
