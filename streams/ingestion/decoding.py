"""From a batch of source records to canonical events, and what becomes of every other record."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Struct, field

from contracts.errors import InvalidRecord
from contracts.settings import Settings
from contracts.sources import CDC_CHANGES, Source
from kafka_cluster.record_batches import Columns, Record
from streams.ingestion import lenient
from streams.ingestion.canonical import form_of
from streams.ingestion.debezium.changes import ChangeDecoder, Skipped
from streams.ingestion.nesting import MAX_DEPTH, check_depth, may_be_deep

log = logging.getLogger(__name__)

SYSTEM_HEADER = "source"
UNKNOWN_SYSTEM = "unknown"
_IS_SYSTEM = re.compile(r"[\x21-\x7e]{1,64}").fullmatch
_FINE_FRACTION = re.compile(rb":\d\d\.\d{7}").search
"""A timestamp finer than microseconds: msgspec would round it, the contract says that it is cut."""
_ANY_FINE_FRACTION = re.compile(rb"\.\d{7}").search
"""A cheaper test, for a whole batch at once."""
_BAD = (
    msgspec.MsgspecError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    RecursionError,
)
_encoder = msgspec.json.Encoder()


class Rejected(Struct, frozen=True):
    """A record that goes to the dead letters."""

    record: Record
    error: InvalidRecord


class Decoded(Struct, kw_only=True):
    """What a batch came to. The four lists of valid events are in the order of their offsets."""

    events: list[Any] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    timestamps_ms: list[int] = field(default_factory=list)
    systems: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    """Records that are no events and no faults (tombstones, heartbeats, …), by kind."""

    def payload(self) -> bytes:
        """The events as NDJSON, each line with its newline."""
        return _encoder.encode_lines(self.events)

    def keep(self, records: Columns, index: int, event: Any, system: str) -> None:
        self.events.append(event)
        self.offsets.append(records.offsets[index])
        self.timestamps_ms.append(records.timestamps_ms[index])
        self.systems.append(system)


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
            self._decode = msgspec.json.Decoder(self._form.loose).decode

    def decode(self, records: Columns, now: int) -> Decoded:
        """Decodes records of one partition, in order. ``now`` is ingestion's clock, microseconds.

        Never raises for what a record holds. Some hundred records at once are fastest.
        """
        decoded = Decoded()
        latest = now + self._skew
        if self.source is CDC_CHANGES:
            self._change_events(records, latest, decoded)
        else:
            self._events(records, latest, decoded)
        _mend_timestamps(decoded.timestamps_ms, now // 1000)
        return decoded

    def _events(self, records: Columns, latest: int, decoded: Decoded) -> None:
        values = [value or b"" for value in records.values]
        doubtful = self._doubtful(values)
        if doubtful:
            fast = iter(self._fast([v for i, v in enumerate(values) if i not in doubtful], latest))
            events = [None if index in doubtful else next(fast) for index in range(len(values))]
        else:
            events = self._fast(values, latest)
        if None not in events:
            decoded.events, decoded.offsets = events, records.offsets
            decoded.timestamps_ms = list(records.timestamps_ms)
            decoded.systems = self._systems_of(records.headers)
            return
        for index, event in enumerate(events):
            settled = self._slow(records, index, latest, decoded) if event is None else event
            if settled is not None:
                decoded.keep(records, index, settled, self._system(records.headers[index]))

    def _fast(self, values: list[bytes], latest: int) -> list[Any]:
        """The settled event of each value, None where the fast path cannot prove it to be valid.

        All at once; what spoils that is looked for in ever smaller parts.
        """
        try:
            events: list[Any] = list(map(self._decode, values))
            if self._form.prove(events, latest):
                self._form.settle(events)
                return events
        except _BAD:
            pass  # at least one is no such event: which one is found below, and judged by the slow path
        if len(values) < 2:
            return [None] * len(values)
        part = max(len(values) // 8, 1)
        return [
            event
            for start in range(0, len(values), part)
            for event in self._fast(values[start : start + part], latest)
        ]

    def _doubtful(self, values: Sequence[bytes]) -> set[int]:
        """Indexes of records that must not take the fast path."""
        doubtful: set[int] = set()
        longest = max(map(len, values), default=0)
        if longest > self._limit:
            doubtful |= {index for index, value in enumerate(values) if len(value) > self._limit}
        if longest > MAX_DEPTH:
            doubtful |= {index for index, value in enumerate(values) if may_be_deep(value)}
        if _ANY_FINE_FRACTION(b"\n".join(values)):
            doubtful |= {index for index, value in enumerate(values) if _FINE_FRACTION(value)}
        return doubtful

    def _slow(self, records: Columns, index: int, latest: int, decoded: Decoded) -> Any:
        def judge(record: Record) -> Any:
            check_depth(record.value or b"")
            return lenient.decode(self._form, record.value or b"", latest)

        return self._judged(records.record(index), decoded, judge)

    def _change_events(self, records: Columns, latest: int, decoded: Decoded) -> None:
        for index in range(len(records)):
            record = records.record(index)
            change = self._judged(record, decoded, lambda record: self._changes.decode(record, latest))
            if isinstance(change, Skipped):
                decoded.skipped[change.kind] += 1
            elif change is not None:
                decoded.keep(records, index, change, self._system(record.headers))

    def _judged(self, record: Record, decoded: Decoded, judge: Callable[[Record], Any]) -> Any:
        """What ``judge`` makes of the record; None where it is refused, and noted as such."""
        try:
            self._check_size(record)
            return judge(record)
        except InvalidRecord as error:
            decoded.rejected.append(Rejected(record, error))
        except _BAD as error:
            # A case that the judge does not know must not stop the partition, and must not go unseen.
            log.exception("%s/%s/%s: not foreseen", record.topic, record.partition, record.offset)
            reason = f"expected a record that can be decoded: {type(error).__name__}: {error}"
            decoded.rejected.append(Rejected(record, InvalidRecord(reason, kind="undecodable")))
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


def _mend_timestamps(timestamps_ms: list[int], now_ms: int) -> None:
    """Kafka's timestamp is the producer's by default: absent or wrong ones become ingestion's clock."""
    if timestamps_ms and (min(timestamps_ms) < 0 or max(timestamps_ms) > now_ms):
        timestamps_ms[:] = [at if 0 <= at <= now_ms else now_ms for at in timestamps_ms]
