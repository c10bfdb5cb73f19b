"""Batches opened column by column hold what aiokafka's own records hold, from the offset asked for on."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import chain
from typing import Any

import pytest
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from kafka_cluster import record_batches
from kafka_cluster.record_batches import Record

PLACE = TopicPartition("topic_users", 3)
CODECS = (0, 1, 2)
ROWS: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]] = [
    (b"k", b"value", [("source", b"shop"), ("empty", None)]),
    (None, b"", []),
    (b"", None, []),
    (b"k", b"x" * 2_000, [("source", b"shop")]),
]


def batch(base: int, rows: Sequence[Any], codec: int = 0) -> bytes:
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 2**20)
    for number, (key, value, headers) in enumerate(rows):
        builder.append(number, 1_700_000_000_000 + number, key, value, headers)
    data = builder.build()
    data[:8] = struct.pack(">q", base)
    return bytes(data)


def partition_records(data: bytes, fetch_offset: int) -> PartitionRecords:
    return PartitionRecords(PLACE, MemoryRecords(data), None, fetch_offset, None, None, True, 0)


def as_aiokafka_has_them(data: bytes, fetch_offset: int) -> list[Record]:
    return [
        Record(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, r.headers)
        for r in partition_records(data, fetch_offset)
    ]


def opened(data: bytes, fetch_offset: int, most: int = 100, most_bytes: int = 2**20) -> list[list[Record]]:
    """What ``getmany`` and ``columns`` make of a response of the broker."""
    records = partition_records(data, fetch_offset)
    results: Any = record_batches._Batches()
    results[PLACE] = FetchResult(PLACE, assignment=None, partition_records=records, backoff=0)
    fetched = list(records)
    reference = partition_records(data, fetch_offset)
    for _ in reference:
        pass
    assert records.next_fetch_offset == reference.next_fetch_offset, "where the next fetch begins"
    return [
        [columns.record(index) for index in range(len(columns))]
        for columns in record_batches.columns(PLACE, fetched, most, most_bytes)
    ]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("fetch_offset", [10, 11, 13, 14, 16])
def test_records_are_aiokafkas(codec: int, fetch_offset: int) -> None:
    data = batch(10, ROWS, codec) + batch(14, ROWS[:1], codec) + batch(15, ROWS[::-1], codec)
    found = opened(data, fetch_offset)
    assert list(chain.from_iterable(found)) == as_aiokafka_has_them(data, fetch_offset)
    assert len(found) == 1


def test_portions_are_bounded_by_records_and_bytes() -> None:
    data = batch(0, ROWS) + batch(4, ROWS)
    assert [len(part) for part in opened(data, 0, most=3)] == [3, 3, 2]
    assert [len(part) for part in opened(data, 0, most_bytes=2_000)] == [4, 4]
    assert list(chain.from_iterable(opened(data, 0, most=1))) == as_aiokafka_has_them(data, 0)


def test_a_slice_is_a_part_of_every_column() -> None:
    (columns,) = record_batches.columns(PLACE, list(_fetched(batch(0, ROWS))), 10, 2**20)
    part = columns.slice(1, 3)
    assert [part.record(index) for index in range(len(part))] == [columns.record(1), columns.record(2)]


def test_a_wrong_checksum_is_refused() -> None:
    data = bytearray(batch(0, ROWS))
    data[-1] ^= 1
    with pytest.raises(CorruptRecordException):
        list(record_batches.columns(PLACE, _fetched(bytes(data)), 10, 2**20))


def test_control_batches_are_passed_over() -> None:
    control = bytearray(batch(4, [(b"\x00\x00\x00\x01", b"\x00" * 6, [])]))
    control[22] |= 0x20  # attributes: control batch; the checksum is not looked at before that
    data = batch(0, ROWS) + bytes(control) + batch(5, ROWS[:1])
    fetched = list(_fetched(data))
    assert [each.floor for each in fetched] == [0, 5]


def _fetched(data: bytes) -> Any:
    return record_batches._unpacked(partition_records(data, 0))
