"""The record of the internal topics: many validated events of one source partition, in source order.

Wire form, version 2::

    byte 0        version
    bytes 1–4     length of the header, unsigned little-endian
    header        msgpack array (see ``_Header``)
    zeros         up to a multiple of 8 bytes from the start, so that the payload's numbers are aligned
    payload       the events as an Arrow stream (``streams.payload``), empty where there are none

A canonical event holds exactly the landing columns that are the source's own, with objects as JSON text.

**The chain.** ``through`` is the last source offset that the record settles, rejected and skipped ones
included; ``prev`` is the ``through`` of the record before it. A reader that has everything up to H skips a
record with ``through ≤ H``, finds a hole at one with ``prev > H``, and drops events at or below H of one that
overlaps. Offsets between ``prev`` and ``first`` do not exist in the source topic (cut by retention, compacted
or transaction markers). A record may hold no event at all and still moves the chain.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from contracts.errors import ContractError

VERSION = 2
ALIGNMENT = 8
NO_OFFSET = -1
"""``prev`` of the first record of a source partition."""


class PackedRecord(Struct, frozen=True, kw_only=True):
    """A decoded record. Lists are in the order of the payload's rows and of the source offsets."""

    topic_id: str
    """Kafka's id of the source topic, path-safe: offsets of another id are of another topic."""
    prev: int
    first: int
    """First source offset that was read for this record."""
    through: int
    ingest_timestamp: int
    """When ingestion packed it, microseconds since 1970 UTC."""
    offsets: array[int]
    """Source offset of each event, signed 64 bit."""
    source_timestamps_ms: array[int]
    """Kafka's own timestamp of each source record, milliseconds since 1970 UTC, signed 64 bit."""
    systems: list[str]
    """Distinct source systems."""
    system_indexes: array[int]
    """Index into ``systems`` of each event, unsigned 32 bit; empty where all events have the only system."""
    payload: memoryview
    """Of the record's own bytes."""

    @property
    def n(self) -> int:
        """How many events it holds."""
        return len(self.offsets)

    @property
    def source_system(self) -> list[str]:
        """Source system of each event."""
        if not self.system_indexes:
            return self.systems * self.n
        systems = self.systems
        return [systems[index] for index in self.system_indexes]

    def since(self, last_offset: int) -> int:
        """How many leading events are at or below ``last_offset``, that is, are already known."""
        if self.n == 0 or self.offsets[0] > last_offset:
            return 0
        return sum(1 for offset in self.offsets if offset <= last_offset)


class _Header(Struct, array_like=True):
    topic_id: str
    prev: int
    first: int
    through: int
    ingest_timestamp: int
    offsets: bytes
    source_timestamps_ms: bytes
    systems: list[str]
    system_indexes: bytes


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Header)


def encode(
    *,
    topic_id: str,
    prev: int,
    first: int,
    through: int,
    ingest_timestamp: int,
    offsets: Sequence[int] = (),
    source_timestamps_ms: Sequence[int] = (),
    source_systems: Sequence[str] = (),
    payload: bytes = b"",
) -> bytes:
    """The record's bytes. The three sequences have one item an event, as the payload has rows.

    Raises ValueError where the numbers cannot be of one chain.
    """
    n = len(offsets)
    if not len(source_timestamps_ms) == len(source_systems) == n:
        raise ValueError(f"{n} offsets do not fit the other columns of the packed record")
    if not prev < first <= through or (n and not first <= offsets[0] <= offsets[-1] <= through):
        raise ValueError(f"broken chain: prev {prev}, first {first}, through {through}")
    systems, indexes = _dictionary(source_systems)
    header = _encoder.encode(
        _Header(
            topic_id=topic_id,
            prev=prev,
            first=first,
            through=through,
            ingest_timestamp=ingest_timestamp,
            offsets=_bytes("q", offsets),
            source_timestamps_ms=_bytes("q", source_timestamps_ms),
            systems=systems,
            system_indexes=_bytes("I", indexes),
        )
    )
    head = b"".join((bytes((VERSION,)), len(header).to_bytes(4, "little"), header))
    return b"".join((head, bytes(-len(head) % ALIGNMENT), payload))


def decode(data: bytes) -> PackedRecord:
    """The record of these bytes. Raises ContractError for bytes that are none, or of a newer version."""
    if not data:
        raise ContractError("packed record: empty")
    if data[0] != VERSION:
        raise ContractError(f"packed record: version {data[0]}, this code reads {VERSION}")
    start = 5 + int.from_bytes(data[1:5], "little")
    try:
        header = _decoder.decode(data[5:start])
        offsets, timestamps = _array("q", header.offsets), _array("q", header.source_timestamps_ms)
        indexes = _array("I", header.system_indexes)
    except (msgspec.DecodeError, ValueError) as error:
        raise ContractError(f"packed record: {error}") from error
    if len(timestamps) != len(offsets):
        raise ContractError(f"packed record: {len(offsets)} offsets do not fit its other columns")
    return PackedRecord(
        topic_id=header.topic_id,
        prev=header.prev,
        first=header.first,
        through=header.through,
        ingest_timestamp=header.ingest_timestamp,
        offsets=offsets,
        source_timestamps_ms=timestamps,
        systems=header.systems,
        system_indexes=indexes,
        payload=memoryview(data)[start + -start % ALIGNMENT :],
    )


def _dictionary(values: Sequence[str]) -> tuple[list[str], list[int]]:
    positions = {value: position for position, value in enumerate(dict.fromkeys(values))}
    if len(positions) < 2:
        return list(positions), []
    return list(positions), [positions[value] for value in values]


def _bytes(code: str, values: Iterable[int]) -> bytes:
    column = array(code, values)
    if sys.byteorder == "big":
        column.byteswap()
    return column.tobytes()


def _array(code: str, data: bytes) -> array[int]:
    column: array[int] = array(code)
    column.frombytes(data)
    if sys.byteorder == "big":
        column.byteswap()
    return column
