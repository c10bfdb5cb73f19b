"""Ingestion of one source: fetch, decode, pack, send, wait for every acknowledgement, commit.

Exactly once rests on the chain of packed records (``streams.packing``), not on the commit, which is a hint
of where to go on: any error ends the process, and the next one sends again what was not committed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, OffsetAndMetadata
from aiokafka.structs import ConsumerRecord, TopicPartition

from contracts.errors import DependencyError, InvalidRecord
from contracts.settings import Settings
from contracts.sources import DEAD_LETTER_TOPIC, Source
from kafka_cluster import connections
from kafka_cluster.topics import topic_ids
from streams import packing
from streams.ingestion import dead_letters
from streams.ingestion.decoding import BatchDecoder, Decoded, Rejected
from streams.ingestion.holes import HoleWatch
from streams.ingestion.status import SourceStatus

log = logging.getLogger(__name__)

Batches = dict[TopicPartition, list[ConsumerRecord]]

CHUNK_BYTES = 1024**2
"""Source bytes of one packed record, unless a single record is larger."""
MAX_PAYLOAD_BYTES = 12 * 1024**2
"""Canonical events of one packed record; it must stay below the largest request."""
ROUND_CHUNKS = 20
"""Most packed records' worth of events that are fetched before the offsets are committed."""
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
        self._decoder = BatchDecoder(settings, source)
        self._consumer: AIOKafkaConsumer = None
        self._topic_id = ""
        self._through: dict[TopicPartition, int] = {}
        """Last source offset sent, of each partition that is ours and has been read."""
        self._holes = HoleWatch(settings, source)
        self._holes_checked_at = time.monotonic()
        self._round = asyncio.Lock()
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
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=SESSION_MS // 4,
        ) as self._consumer:
            self._consumer.subscribe([self._source.topic], listener=self)
            while not stop.is_set():
                await self._close_holes()
                epoch, batches = await self._fetch(stop)
                async with self._round:
                    # A rebalance since the fetch has put the position back to what is committed.
                    if batches and epoch == self._epoch:
                        await self._ingest(batches)
                if sum(map(len, batches.values())) < ingestion.batch_records:
                    await _pause(stop, ingestion.linger_ms / 1000)

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
        most = ROUND_CHUNKS * self._settings.ingestion.batch_records
        batches = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=most)
        return self._epoch, batches

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Lets the round under way end, so that what it sent is committed while the partitions are ours."""
        async with self._round:
            self._epoch += 1
            self._through.clear()
            self._status.lag.clear()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        log.info("assigned %s", sorted(f"{tp.topic}/{tp.partition}" for tp in assigned))

    async def _ingest(self, batches: Batches) -> None:
        sent: list[Any] = []
        for partition, records in batches.items():
            await self._check_first(partition, records[0].offset)
            for chunk in _chunks(records, self._settings.ingestion.batch_records):
                sent += await self._send(partition, chunk)
                await asyncio.sleep(0)  # decoding is long: let heartbeats and other sources in
        await asyncio.gather(*sent)
        await self._consumer.commit(
            {partition: OffsetAndMetadata(self._through[partition] + 1, "") for partition in batches}
        )
        self._status.committed_at = time.time()
        for partition in batches:
            end = self._consumer.highwater(partition) or 0
            self._status.lag[partition.partition] = max(end - self._through[partition] - 1, 0)

    async def _send(self, partition: TopicPartition, chunk: Sequence[ConsumerRecord]) -> list[Any]:
        """Sends a packed record and the dead letters beside it; futures of the acknowledgements."""
        now = time.time_ns() // 1000
        decoded = self._decoder.decode(chunk, now)
        payload = decoded.payload()
        if len(payload) > MAX_PAYLOAD_BYTES:
            if len(chunk) > 1:
                middle = len(chunk) // 2
                return [
                    *await self._send(partition, chunk[:middle]),
                    *await self._send(partition, chunk[middle:]),
                ]
            reason = f"expected at most {MAX_PAYLOAD_BYTES} bytes in canonical form, got {len(payload)}"
            decoded = Decoded(rejected=[Rejected(chunk[0], InvalidRecord(reason, kind="too_large"))])
            payload = b""
        record = packing.encode(
            topic_id=self._topic_id,
            prev=self._through[partition],
            first=chunk[0].offset,
            through=chunk[-1].offset,
            ingest_timestamp=now,
            offsets=decoded.offsets,
            source_timestamps_ms=decoded.timestamps_ms,
            source_systems=decoded.systems,
            payload=payload,
        )
        futures = [
            await self._producer.send(
                DEAD_LETTER_TOPIC,
                dead_letters.encode(dead_letters.dead_letter(rejected.record, rejected.error)),
                key=self._source.topic.encode(),
                partition=0,
            )
            for rejected in decoded.rejected
        ]
        futures.append(
            await self._producer.send(self._source.internal_topic, record, partition=partition.partition)
        )
        self._through[partition] = chunk[-1].offset
        self._status.events += len(decoded.offsets)
        self._status.bytes += sum(len(record.value or b"") for record in chunk)
        self._status.invalid.update(rejected.error.kind for rejected in decoded.rejected)
        self._status.skipped.update(decoded.skipped)
        return futures

    async def _check_first(self, partition: TopicPartition, first: int) -> None:
        """Accepts a batch that begins where the last one ended, or later where the broker proves why."""
        known = self._through.get(partition)
        if known is None:
            await self._learn_topic_id()
            committed = await self._consumer.committed(partition)
            known = (committed or 0) - 1
        expected = known + 1
        if first < expected:
            raise DependencyError(
                f"{partition.topic}/{partition.partition}: got offset {first} where {expected} is next: "
                f"the topic was made anew or lost records; reset group {self._source.consumer_group} to go on"
            )
        if first > expected:
            await self._explain_gap(partition, expected, first)
        self._through[partition] = known

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


def _chunks(records: Sequence[ConsumerRecord], most: int) -> Iterator[Sequence[ConsumerRecord]]:
    """Slices of at most ``most`` records and CHUNK_BYTES, with at least one record each."""
    start, size = 0, 0
    for index, record in enumerate(records):
        length = len(record.value or b"")
        if index > start and (index - start >= most or size + length > CHUNK_BYTES):
            yield records[start:index]
            start, size = index, 0
        size += length
    yield records[start:]


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
