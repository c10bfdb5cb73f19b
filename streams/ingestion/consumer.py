"""Ingestion of one source: fetch, decode, pack, send, wait for every acknowledgement, commit.

Exactly once rests on the chain of packed records (``streams.packing``), not on the commit, which is a hint
of where to go on: any error ends the process, and the next one sends again what was not committed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, OffsetAndMetadata
from aiokafka.structs import TopicPartition

from contracts.errors import DependencyError
from contracts.settings import Settings
from contracts.sources import DEAD_LETTER_TOPIC, Source
from kafka_cluster import connections, dead_letters
from kafka_cluster.record_batches import FetchedBatch, by_batch
from kafka_cluster.topics import topic_ids
from streams import packing
from streams.ingestion.chunks import Chunk, Chunker
from streams.ingestion.holes import HoleWatch
from streams.ingestion.refusal_count import RefusalCount
from streams.ingestion.status import SourceStatus
from streams.payload import to_payload

log = logging.getLogger(__name__)

Batches = dict[TopicPartition, list[FetchedBatch]]

FETCH_BYTES = 1024**2
"""Most bytes, compressed, of one partition that are fetched and settled at once."""
POLL_MS = 200
SESSION_MS = 6_000
"""A process that was killed blocks its partitions this long; brokers accept no less."""
PROOF_SECONDS = 15.0
HOLE_CHECK_SECONDS = 2.0


class SourceConsumer(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """A member of the source's consumer group."""

    def __init__(
        self, settings: Settings, source: Source, producer: AIOKafkaProducer, status: SourceStatus
    ) -> None:
        self._settings = settings
        self._source = source
        self._producer = producer
        self._status = status
        self._chunker = Chunker(settings, source)
        self._consumer: AIOKafkaConsumer = None
        self._topic_id = ""
        self._through: dict[TopicPartition, int] = {}
        """Last source offset sent, of each partition that is ours and has been read."""
        self._refused: dict[TopicPartition, RefusalCount] = {}
        """Dead letters of each of those partitions."""
        self._raw_bytes = int(settings.kafka.max_message_bytes * dead_letters.RAW_SHARE)
        self._holes = HoleWatch(settings, source)
        self._holes_checked_at = time.monotonic()
        self._round = asyncio.Lock()
        self._unsettled: asyncio.Task[None] | None = None
        """Waits for the acknowledgements of the last round and commits it, while the next one is decoded."""
        self._epoch = 0
        """Counts rebalances."""

    async def run(self, stop: asyncio.Event) -> None:
        """Consumes until ``stop`` is set, then ends with everything committed that was sent.

        Raises DependencyError where offsets do not follow each other and the broker cannot tell why;
        errors of aiokafka pass through.
        """
        ingestion = self._settings.ingestion
        name = f"ingestion-{self._source.name}"
        async with connections.consumer(
            self._settings,
            name,
            group=self._source.consumer_group,
            fetch_bytes=FETCH_BYTES,
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=SESSION_MS // 4,
        ) as self._consumer:
            by_batch(self._consumer)
            self._consumer.subscribe([self._source.topic], listener=self)
            try:
                while not stop.is_set():
                    await self._close_holes()
                    records = await self._next_round(stop)
                    if records < ingestion.batch_records:
                        await _pause(stop, ingestion.linger_ms / 1000)
                async with self._round:
                    await self._settled()
            finally:
                if self._unsettled is not None:
                    self._unsettled.cancel()

    async def _next_round(self, stop: asyncio.Event) -> int:
        """Fetches and sends what there is; returns how many records that were."""
        epoch, batches = await self._fetch(stop)
        async with self._round:
            # A rebalance since the fetch has put the position back to what is committed.
            records = await self._ingest(batches) if batches and epoch == self._epoch else 0
            if records < self._settings.ingestion.batch_records:
                await self._settled()
        return records

    async def _fetch(self, stop: asyncio.Event) -> tuple[int, Batches]:
        """The next records, none after a while, and the assignment that they belong to.

        aiokafka waits through a rebalance however long it takes, so ``stop`` ends the wait.
        """
        fetch = asyncio.ensure_future(self._next_records())
        stopped = asyncio.ensure_future(stop.wait())
        await asyncio.wait((fetch, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not fetch.done():
            fetch.cancel()
            return self._epoch, {}
        return fetch.result()

    async def _next_records(self) -> tuple[int, Batches]:
        batches = await self._consumer.getmany(timeout_ms=POLL_MS)
        return self._epoch, batches

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Lets the round under way end, so that what it sent is committed while the partitions are ours."""
        async with self._round:
            await self._settled()
            self._epoch += 1
            self._through.clear()
            self._refused.clear()
            self._status.lag.clear()
            self._status.refused.clear()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        log.info("assigned %s", sorted(f"{tp.topic}/{tp.partition}" for tp in assigned))

    async def _ingest(self, batches: Batches) -> int:
        """Sends all records of the batches; they are committed while the next ones are decoded."""
        sent: list[Any] = []
        read, through = 0, dict[TopicPartition, int]()
        for partition, fetched in batches.items():
            checked = False
            for chunk in self._chunker.chunks(partition, fetched):
                if not checked:
                    await self._check_first(partition, chunk.first)
                    checked = True
                sent += await self._send(partition, chunk)
                read += chunk.records
                through[partition] = chunk.through
                await asyncio.sleep(0)  # decoding is long: let heartbeats and other sources in
        await self._settled()
        # Counted up to these offsets; the next round counts on while this one is committed.
        counted = {
            partition: (self._refused[partition].metadata, self._refused[partition].count)
            for partition in through
        }
        self._unsettled = asyncio.create_task(self._commit(sent, through, counted))
        return read

    async def _settled(self) -> None:
        """Waits until the round before is acknowledged and committed. Raises what went wrong there; again
        and again, as nothing may be sent after it."""
        if self._unsettled is not None:
            await asyncio.shield(self._unsettled)
            self._unsettled = None

    async def _commit(
        self,
        sent: list[Any],
        through: dict[TopicPartition, int],
        counted: dict[TopicPartition, tuple[str, int]],
    ) -> None:
        await asyncio.gather(*sent)
        if not through:
            return
        await self._consumer.commit(
            {
                partition: OffsetAndMetadata(last + 1, counted[partition][0])
                for partition, last in through.items()
            }
        )
        self._status.committed_at = time.time()
        for partition, last in through.items():
            if (refused := self._refused.get(partition)) is not None:
                place = f"{partition.partition}/{refused.series}"
                self._status.refused[place] = counted[partition][1]
            end = self._consumer.highwater(partition) or 0
            self._status.lag[partition.partition] = max(end - last - 1, 0)

    async def _send(self, partition: TopicPartition, chunk: Chunk) -> list[Any]:
        """Sends a packed record and the dead letters beside it; futures of the acknowledgements."""
        now = time.time_ns()
        record = packing.encode(
            topic_id=self._topic_id,
            prev=self._through[partition],
            first=chunk.first,
            through=chunk.through,
            ingest_timestamp=now // 1000,
            offsets=chunk.offsets,
            source_timestamps_ms=chunk.timestamps_ms,
            source_systems=chunk.systems,
            payload=to_payload(chunk.rows),
        )
        futures = [
            await self._producer.send(
                DEAD_LETTER_TOPIC,
                dead_letters.encode(
                    dead_letters.dead_letter(rejected.record, rejected.error, self._raw_bytes)
                ),
                key=self._source.topic.encode(),
                partition=0,
            )
            for rejected in chunk.rejected
        ]
        futures.append(
            await self._producer.send(self._source.internal_topic, record, partition=partition.partition)
        )
        self._through[partition] = chunk.through
        self._refused[partition].add((rejected.record.offset for rejected in chunk.rejected), chunk.through)
        self._status.events += len(chunk.offsets)
        self._status.bytes += chunk.size
        self._status.latency.add(chunk.timestamps_ms, now // 1_000_000)
        self._status.invalid.update(rejected.error.kind for rejected in chunk.rejected)
        self._status.skipped.update(chunk.skipped)
        return futures

    async def _check_first(self, partition: TopicPartition, first: int) -> None:
        """Accepts a batch that begins where the last one ended, or later where the broker proves why."""
        known = self._through.get(partition)
        if partition not in self._refused:
            committed, metadata = await self._committed(partition)
            self._refused[partition] = RefusalCount(committed, metadata)
            known = (committed or 0) - 1 if known is None else known
            await self._learn_topic_id()
        assert known is not None
        expected = known + 1
        if first < expected:
            raise DependencyError(
                f"{partition.topic}/{partition.partition}: got offset {first} where {expected} is next: "
                f"the topic was made anew or lost records; reset group {self._source.consumer_group} to go on"
            )
        if first > expected:
            await self._explain_gap(partition, expected, first)
        self._through[partition] = known

    async def _committed(self, partition: TopicPartition) -> tuple[int | None, str]:
        """The committed offset and its metadata, which aiokafka's public call leaves out."""
        found = await self._consumer._coordinator.fetch_committed_offsets([partition])
        offset, metadata = found.get(partition, (-1, ""))
        return (None, "") if offset == -1 else (offset, metadata)

    async def _learn_topic_id(self) -> None:
        topic = self._source.topic
        ids = await asyncio.to_thread(topic_ids, self._settings, [topic])
        if topic not in ids:
            raise DependencyError(f"topic {topic} does not exist any more")
        self._topic_id = ids[topic]

    async def _close_holes(self) -> None:
        """Goes back to where landing ends, in partitions of which the workers miss records."""
        now = time.monotonic()
        if now - self._holes_checked_at < HOLE_CHECK_SECONDS:
            return
        self._holes_checked_at = now
        async with self._round:  # no rebalance in between
            owned = {partition.partition: partition for partition in self._consumer.assignment()}
            sent = {}
            for number, partition in owned.items():
                if (through := self._through.get(partition)) is None:
                    through = (await self._consumer.committed(partition) or 0) - 1
                sent[number] = through
            if not self._topic_id:
                await self._learn_topic_id()
            for number, landed in (await asyncio.to_thread(self._holes.due, sent, self._topic_id)).items():
                log.error(
                    "%s/%d: workers miss records after offset %d, sent up to %d: sending again",
                    self._source.topic,
                    number,
                    landed,
                    sent[number],
                )
                self._consumer.seek(owned[number], landed + 1)
                self._through[owned[number]] = landed
                self._status.resent += sent[number] - landed

    async def _explain_gap(self, partition: TopicPartition, expected: int, first: int) -> None:
        place = f"{partition.topic}/{partition.partition}"
        begin = (await self._consumer.beginning_offsets([partition]))[partition]
        if begin > expected:
            lost = min(begin, first) - expected
            self._status.lost += lost
            log.error("%s: retention has cut %d records before they were read", place, lost)
        if begin < first and await self._first_from(partition, max(expected, begin)) != first:
            raise DependencyError(
                f"{place}: got offset {first} where {expected} is next, and the broker has records between"
            )
        log.warning("%s: no records from offset %d to %d in the topic", place, expected, first - 1)

    async def _first_from(self, partition: TopicPartition, offset: int) -> int:
        """Offset of the first record at or after ``offset``, asked anew over a connection of its own.

        Transaction markers and compaction leave offsets without records.
        """
        async with connections.consumer(self._settings, f"ingestion-{self._source.name}-proof") as probe:
            probe.assign([partition])
            probe.seek(partition, offset)
            try:
                record = await asyncio.wait_for(probe.getone(partition), PROOF_SECONDS)
            except TimeoutError:
                return -1
            return int(record.offset)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
