"""Fetched batches, decoded, in portions of which each becomes one packed record."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator

import pyarrow as pa
from aiokafka.structs import TopicPartition
from msgspec import Struct, field

from contracts.errors import InvalidRecord
from contracts.settings import Settings
from contracts.sources import Source
from kafka_cluster.record_batches import Columns, FetchedBatch, columns
from streams.ingestion.decoding import BatchDecoder, Decoded, Rejected

SLICE_RECORDS = 500
"""Records that are decoded at once: few enough to stay in the processor's cache until they are encoded."""
CHUNK_BYTES = 1024**2
"""Source bytes of one packed record, unless a single record is larger."""
PAYLOAD_SHARE = 0.75
"""Of the largest record: canonical events of one packed record, which must stay below the largest request."""


class Chunk(Struct):
    """Source records on their way into one packed record."""

    first: int = -1
    through: int = -1
    records: int = 0
    size: int = 0
    """Bytes of the source records' values."""
    rows: list[pa.RecordBatch] = field(default_factory=list)
    payload_bytes: int = 0
    offsets: list[int] = field(default_factory=list)
    timestamps_ms: list[int] = field(default_factory=list)
    systems: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    def add(self, records: Columns, decoded: Decoded) -> None:
        """Takes records that follow those it has, with what they came to."""
        if not self.records:
            self.first = records.offsets[0]
        self.through = records.offsets[-1]
        self.records += len(records)
        self.size += sum(map(len, filter(None, records.values)))
        self.rows.append(decoded.rows)
        self.payload_bytes += decoded.rows.nbytes
        self.offsets += decoded.offsets
        self.timestamps_ms += decoded.timestamps_ms
        self.systems += decoded.systems
        self.rejected += decoded.rejected
        self.skipped.update(decoded.skipped)


class Chunker:
    """Decodes what was fetched of one source. Not thread-safe."""

    def __init__(self, settings: Settings, source: Source) -> None:
        self._most = settings.ingestion.batch_records
        self._most_bytes = int(settings.kafka.max_message_bytes * PAYLOAD_SHARE)
        self._decoder = BatchDecoder(settings, source)

    def chunks(self, partition: TopicPartition, fetched: Iterable[FetchedBatch]) -> Iterator[Chunk]:
        """All records of the batches, in order; none where they hold none.

        Raises CorruptRecordException for a batch whose checksum is wrong.
        """
        chunk = Chunk()
        for records in columns(partition, fetched, min(SLICE_RECORDS, self._most), CHUNK_BYTES):
            for part, decoded in self._decoded(records):
                full = chunk.records + len(part) > self._most or chunk.size >= CHUNK_BYTES
                if chunk.records and (full or chunk.payload_bytes + decoded.rows.nbytes > self._most_bytes):
                    yield chunk
                    chunk = Chunk()
                chunk.add(part, decoded)
        if chunk.records:
            yield chunk

    def _decoded(self, records: Columns) -> Iterator[tuple[Columns, Decoded]]:
        """The records in parts of which each fits into a packed record, with what they came to."""
        decoded = self._decoder.decode(records, time.time_ns() // 1000)
        size = decoded.rows.nbytes
        if size <= self._most_bytes:
            yield records, decoded
        elif len(records) > 1:
            middle = len(records) // 2
            yield from self._decoded(records.slice(0, middle))
            yield from self._decoded(records.slice(middle, len(records)))
        else:
            reason = f"expected at most {self._most_bytes} bytes in canonical form, got {size}"
            refused = Rejected(records.record(0), InvalidRecord(reason, kind="too_large"))
            yield records, Decoded(rows=decoded.rows.slice(0, 0), rejected=[refused])
