"""What a consumer fetched, batch by batch and column by column: a fifth of the cost of a record object each.

aiokafka makes an object of eleven fields for every record. ``by_batch`` lets ``getmany`` of a consumer return
the broker's batches as they came, still compressed; ``columns`` opens them when they are wanted, so a round
that was fetched takes the memory of its compressed bytes. Which batches are returned, positions, control
batches and rebalances stay aiokafka's own business.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.structs import TopicPartition
from msgspec import Struct

Headers = tuple[tuple[str, bytes | None], ...]


class FetchedBatch(Struct, frozen=True):
    """A batch of the broker of which the records from ``floor`` on were asked for."""

    batch: Any
    floor: int


class Record(Struct, frozen=True, gc=False):
    """One record of a topic."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    """Kafka's own, milliseconds since 1970 UTC; -1 where there is none."""
    key: bytes | None
    value: bytes | None
    headers: Headers


class Columns(Struct):
    """Records of one partition in the order of their offsets, one list a field; all have one length."""

    topic: str
    partition: int
    offsets: list[int]
    timestamps_ms: list[int]
    keys: list[bytes | None]
    values: list[bytes | None]
    headers: list[Any]
    """Sequences of (name, value)."""

    def __len__(self) -> int:
        return len(self.offsets)

    def record(self, index: int) -> Record:
        """The record at ``index`` of the lists."""
        return Record(
            self.topic,
            self.partition,
            self.offsets[index],
            self.timestamps_ms[index],
            self.keys[index],
            self.values[index],
            tuple(map(tuple, self.headers[index])),
        )

    def slice(self, start: int, stop: int) -> Columns:
        """The records from index ``start`` up to but not including ``stop``."""
        part = slice(start, stop)
        return Columns(
            self.topic,
            self.partition,
            self.offsets[part],
            self.timestamps_ms[part],
            self.keys[part],
            self.values[part],
            self.headers[part],
        )


def empty(topic: str, partition: int) -> Columns:
    return Columns(topic, partition, [], [], [], [], [])


def by_batch(consumer: AIOKafkaConsumer) -> None:
    """From now on ``getmany`` of this started consumer returns lists of FetchedBatch; ``max_records`` counts
    those. To be called before it has partitions."""
    consumer._fetcher._records = _Batches(consumer._fetcher._records)


def columns(
    partition: TopicPartition, fetched: Iterable[FetchedBatch], most: int, most_bytes: int
) -> Iterator[Columns]:
    """The records of these batches, at most ``most`` and about ``most_bytes`` of values at once.

    Opens a batch when its first record is wanted. Raises CorruptRecordException for a batch whose checksum
    is wrong.
    """
    found = empty(partition.topic, partition.partition)
    size = 0
    for each in fetched:
        if not each.batch.validate_crc():
            raise CorruptRecordException(f"{partition.topic}/{partition.partition}: invalid checksum")
        floor = each.floor
        for record in each.batch:
            offset, value = record.offset, record.value
            if offset < floor:
                continue
            found.offsets.append(offset)
            at = record.timestamp
            found.timestamps_ms.append(-1 if at is None else at)
            found.keys.append(record.key)
            found.values.append(value)
            found.headers.append(record.headers)
            if value is not None:
                size += len(value)
            if size >= most_bytes or len(found.offsets) >= most:
                yield found
                found, size = empty(partition.topic, partition.partition), 0
    if found.offsets:
        yield found


class _Batches(OrderedDict[TopicPartition, Any]):
    """The fetcher's results; each is made to hand out batches when it comes in."""

    def __setitem__(self, partition: TopicPartition, result: Any) -> None:
        if type(result) is FetchResult and result.has_more():
            records = result._partition_records
            records._records_iterator = _unpacked(records)
        super().__setitem__(partition, result)


def _unpacked(records: PartitionRecords) -> Iterator[FetchedBatch]:
    """As aiokafka unpacks records, read uncommitted, but for the records themselves."""
    memory = records._records
    while memory.has_next():
        batch = memory.next_batch()
        floor = records.next_fetch_offset
        records.next_fetch_offset = batch.next_offset
        if not batch.is_control_batch:
            yield FetchedBatch(batch, floor)
