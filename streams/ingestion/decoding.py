"""From a batch of source records to canonical events, and what becomes of every other record."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import Struct, field
from msgspec.structs import astuple

from contracts.errors import InvalidRecord
from contracts.settings import Settings
from contracts.sources import CDC_CHANGES, Source
from kafka_cluster.record_batches import Columns, Record
from streams.ingestion import lenient
from streams.ingestion.canonical import Column, form_of
from streams.ingestion.debezium.changes import Change, ChangeDecoder, Skipped
from streams.ingestion.nesting import MAX_DEPTH, check_depth, may_be_deep
from streams.payload import batch_of

log = logging.getLogger(__name__)

SYSTEM_HEADER = "source"
UNKNOWN_SYSTEM = "unknown"
_IS_SYSTEM = re.compile(r"[\x21-\x7e]{1,64}").fullmatch
_BAD = (
    msgspec.MsgspecError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    RecursionError,
)


class Rejected(Struct, frozen=True):
    """A record that goes to the dead letters."""

    record: Record
    error: InvalidRecord


class Decoded(Struct, kw_only=True):
    """What a batch came to. The rows and the lists of valid events are in the order of their offsets."""

    rows: pa.RecordBatch
    """Canonical events, by ``payload_schema``."""
    offsets: list[int] = field(default_factory=list)
    timestamps_ms: list[int] = field(default_factory=list)
    systems: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    """Records that are no events and no faults (tombstones, heartbeats, …), by kind."""


class _Kept(Struct):
    """Valid events as they are found."""

    parts: list[tuple[Sequence[int], Sequence[Column]]] = field(default_factory=list)
    """Indexes of their records in the batch, and their columns."""

    def add(self, indexes: Sequence[int], columns: Sequence[Column]) -> None:
        self.parts.append((indexes, columns))

    @property
    def indexes(self) -> Sequence[int]:
        return list(chain.from_iterable(indexes for indexes, _ in self.parts))

    def columns(self, names: Sequence[str]) -> dict[str, Column]:
        """All their values by name."""
        if len(self.parts) == 1:
            return dict(zip(names, self.parts[0][1], strict=True))
        columns: dict[str, list[Any]] = {name: [] for name in names}
        for _, part in self.parts:
            for name, values in zip(names, part, strict=True):
                columns[name].extend(values.tolist() if isinstance(values, np.ndarray) else values)
        return dict(columns)


class BatchDecoder:
    """Decodes batches of one source. Not thread-safe: it remembers values that it has seen to be valid."""

    def __init__(self, settings: Settings, source: Source) -> None:
        self.source = source
        self._limit = settings.ingestion.max_record_bytes
        self._skew = settings.ingestion.skew_seconds * 1_000_000
        self._systems: dict[tuple[tuple[str, bytes | None], ...], str] = {(): UNKNOWN_SYSTEM}
        self._changes = ChangeDecoder()
        if source is not CDC_CHANGES:
            self._form = form_of(source)
            self._names: Sequence[str] = self._form.names
            self._decode = msgspec.json.Decoder(self._form.loose).decode
        else:
            self._names = Change.__struct_fields__

    def decode(self, records: Columns, now: int) -> Decoded:
        """Decodes records of one partition, in order. ``now`` is ingestion's clock, microseconds.

        Never raises for what a record holds. Some hundred records at once are fastest.
        """
        rejected: list[Rejected] = []
        skipped: Counter[str] = Counter()
        kept = _Kept()
        latest = now + self._skew
        if self.source is CDC_CHANGES:
            self._change_events(records, latest, kept, rejected, skipped)
        else:
            self._events(records, latest, kept, rejected)
        timestamps_ms, headers = records.timestamps_ms, records.headers
        offsets = records.offsets
        indexes = kept.indexes
        if len(indexes) != len(records):
            offsets = [offsets[index] for index in indexes]
            timestamps_ms = [timestamps_ms[index] for index in indexes]
            headers = [headers[index] for index in indexes]
        return Decoded(
            rows=batch_of(self.source, kept.columns(self._names)),
            offsets=offsets,
            timestamps_ms=_mended(timestamps_ms, now // 1000),
            systems=self._systems_of(headers),
            rejected=rejected,
            skipped=skipped,
        )

    def _events(self, records: Columns, latest: int, kept: _Kept, rejected: list[Rejected]) -> None:
        values = [value or b"" for value in records.values]
        doubtful = self._doubtful(values)
        start = 0
        for index in sorted(doubtful):
            self._fast(records, values, start, index, latest, kept, rejected)
            self._slow(records, index, latest, kept, rejected)
            start = index + 1
        self._fast(records, values, start, len(values), latest, kept, rejected)

    def _fast(
        self,
        records: Columns,
        values: list[bytes],
        start: int,
        stop: int,
        latest: int,
        kept: _Kept,
        rejected: list[Rejected],
    ) -> None:
        """Keeps the events from ``start`` to ``stop``, all at once where they can be proven to be valid.

        What spoils that is looked for in ever smaller parts, and judged alone.
        """
        if start == stop:
            return
        try:
            events: list[Any] = list(map(self._decode, values[start:stop]))
            columns = self._form.settle(events, latest)
        except _BAD:
            columns = None
        if columns is not None:
            kept.add(range(start, stop), columns)
        elif stop - start == 1:
            self._slow(records, start, latest, kept, rejected)
        else:
            part = max((stop - start) // 8, 1)
            for first in range(start, stop, part):
                last = min(first + part, stop)
                self._fast(records, values, first, last, latest, kept, rejected)

    def _doubtful(self, values: Sequence[bytes]) -> set[int]:
        """Indexes of records that must not take the fast path."""
        doubtful: set[int] = set()
        longest = max(map(len, values), default=0)
        if longest > self._limit:
            doubtful |= {index for index, value in enumerate(values) if len(value) > self._limit}
        if longest > MAX_DEPTH:
            doubtful |= {index for index, value in enumerate(values) if may_be_deep(value)}
        return doubtful

    def _slow(self, records: Columns, index: int, latest: int, kept: _Kept, rejected: list[Rejected]) -> None:
        def judge(record: Record) -> Any:
            check_depth(record.value or b"")
            return lenient.decode(self._form, record.value or b"", latest)

        event = self._judged(records.record(index), rejected, judge)
        if event is not None:
            kept.add((index,), [(value,) for value in event])

    def _change_events(
        self,
        records: Columns,
        latest: int,
        kept: _Kept,
        rejected: list[Rejected],
        skipped: Counter[str],
    ) -> None:
        for index in range(len(records)):
            change = self._judged(
                records.record(index), rejected, lambda record: self._changes.decode(record, latest)
            )
            if isinstance(change, Skipped):
                skipped[change.kind] += 1
            elif change is not None:
                kept.add((index,), [(value,) for value in astuple(change)])

    def _judged(self, record: Record, rejected: list[Rejected], judge: Callable[[Record], Any]) -> Any:
        """What ``judge`` makes of the record; None where it is refused, and noted as such."""
        try:
            self._check_size(record)
            return judge(record)
        except InvalidRecord as error:
            rejected.append(Rejected(record, error))
        except _BAD as error:
            # A case that the judge does not know must not stop the partition, and must not go unseen.
            log.exception("%s/%s/%s: not foreseen", record.topic, record.partition, record.offset)
            reason = f"expected a record that can be decoded: {type(error).__name__}: {error}"
            rejected.append(Rejected(record, InvalidRecord(reason, kind="undecodable")))
        return None

    def _check_size(self, record: Record) -> None:
        size = len(record.value or b"")
        if size > self._limit:
            raise InvalidRecord(
                f"expected at most {self._limit} bytes (ingestion.max_record_bytes), got {size}",
                kind="too_large",
            )

    def _systems_of(self, headers: list[Any]) -> list[str]:
        """The system of each record; nearly always all have the same headers."""
        if not headers:
            return []
        first = headers[0]
        if headers.count(first) == len(headers):
            return [self._system(first)] * len(headers)
        return [self._system(each) for each in headers]

    def _system(self, headers: Sequence[tuple[str, bytes | None]]) -> str:
        """The `source` header, where it is a short printable word. Remembered by the headers as a whole."""
        headers = tuple(headers)
        known = self._systems.get(headers)
        if known is not None:
            return known
        system = UNKNOWN_SYSTEM
        for name, value in headers:
            if name == SYSTEM_HEADER and value:
                text = value.decode("utf-8", "replace")
                system = text if _IS_SYSTEM(text) else UNKNOWN_SYSTEM
        if len(self._systems) < 1024 and sum(len(value or b"") for _, value in headers) < 256:
            self._systems[headers] = system
        return system


def _mended(timestamps_ms: list[int], now_ms: int) -> list[int]:
    """Kafka's timestamp is the producer's by default: absent or wrong ones become ingestion's clock."""
    if timestamps_ms and (min(timestamps_ms) < 0 or max(timestamps_ms) > now_ms):
        return [at if 0 <= at <= now_ms else now_ms for at in timestamps_ms]
    return timestamps_ms
