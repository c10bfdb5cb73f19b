"""From a batch of source records to canonical events, and what becomes of every other record."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Protocol

import msgspec
from msgspec import Struct, field

from contracts.errors import InvalidRecord
from contracts.settings import Settings
from contracts.sources import CDC_CHANGES, Source
from streams.ingestion import lenient
from streams.ingestion.canonical import form_of
from streams.ingestion.debezium.changes import ChangeDecoder, Skipped
from streams.ingestion.nesting import MAX_DEPTH, check_depth, may_be_deep

log = logging.getLogger(__name__)

Headers = Sequence[tuple[str, bytes | None]]

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


class SourceRecord(Protocol):
    """What decoding reads of a Kafka record; aiokafka's ConsumerRecord is one."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    """Kafka's own, milliseconds since 1970 UTC; -1 where there is none."""
    key: bytes | None
    value: bytes | None
    headers: Headers


class Rejected(Struct, frozen=True):
    """A record that goes to the dead letters."""

    record: Any
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

    def keep(self, record: SourceRecord, event: Any, system: str) -> None:
        self.events.append(event)
        self.offsets.append(record.offset)
        self.timestamps_ms.append(record.timestamp)
        self.systems.append(system)


class BatchDecoder:
    """Decodes batches of one source. Not thread-safe: it remembers values that it has seen to be valid."""

    def __init__(self, settings: Settings, source: Source) -> None:
        self.source = source
        self._limit = settings.ingestion.max_record_bytes
        self._skew = settings.ingestion.skew_seconds * 1_000_000
        self._systems: dict[Headers, str] = {(): UNKNOWN_SYSTEM}
        self._changes = ChangeDecoder()
        if source is not CDC_CHANGES:
            self._form = form_of(source)
            self._decode = msgspec.json.Decoder(self._form.loose).decode

    def decode(self, records: Sequence[SourceRecord], now: int) -> Decoded:
        """Decodes records of one partition, in order. ``now`` is ingestion's clock, microseconds.

        Never raises for what a record holds.
        """
        decoded = Decoded()
        latest = now + self._skew
        if self.source is CDC_CHANGES:
            self._change_events(records, latest, decoded)
        else:
            self._events(records, latest, decoded)
        _mend_timestamps(decoded.timestamps_ms, now // 1000)
        return decoded

    def _events(self, records: Sequence[SourceRecord], latest: int, decoded: Decoded) -> None:
        fast, settle, systems = self._decode, self._form.settle, self._systems
        # One look-up each for a whole batch: this loop is most of ingestion's cost.
        keep_event, keep_offset = decoded.events.append, decoded.offsets.append
        keep_timestamp, keep_system = decoded.timestamps_ms.append, decoded.systems.append
        doubtful = self._doubtful(records)
        for record in records:
            event = None
            if record.offset not in doubtful:
                try:
                    event = fast(record.value or b"")
                    if not settle(event, latest):
                        event = None
                except _BAD:
                    event = None
            if event is None:
                event = self._slow(record, latest, decoded)
                if event is None:
                    continue
            system = systems.get(record.headers)
            keep_event(event)
            keep_offset(record.offset)
            keep_timestamp(record.timestamp)
            keep_system(self._system(record.headers) if system is None else system)

    def _doubtful(self, records: Sequence[SourceRecord]) -> set[int]:
        """Offsets of records that must not take the fast path."""
        values = [record.value or b"" for record in records]
        doubtful = set()
        if max(map(len, values), default=0) > self._limit:
            doubtful = {r.offset for r in records if len(r.value or b"") > self._limit}
        if max(map(len, values), default=0) > MAX_DEPTH:
            doubtful |= {r.offset for r in records if may_be_deep(r.value or b"")}
        if _ANY_FINE_FRACTION(b"\n".join(values)):
            doubtful |= {r.offset for r in records if r.value and _FINE_FRACTION(r.value)}
        return doubtful

    def _slow(self, record: SourceRecord, latest: int, decoded: Decoded) -> Any:
        def judge() -> Any:
            check_depth(record.value or b"")
            return lenient.decode(self._form, record.value or b"", latest)

        return self._judged(record, decoded, judge)

    def _change_events(self, records: Iterable[SourceRecord], latest: int, decoded: Decoded) -> None:
        for record in records:
            change = self._judged(record, decoded, partial(self._changes.decode, record, latest))
            if isinstance(change, Skipped):
                decoded.skipped[change.kind] += 1
            elif change is not None:
                decoded.keep(record, change, self._system(record.headers))

    def _judged(self, record: SourceRecord, decoded: Decoded, judge: Callable[[], Any]) -> Any:
        """What ``judge`` makes of the record; None where it is refused, and noted as such."""
        try:
            self._check_size(record)
            return judge()
        except InvalidRecord as error:
            decoded.rejected.append(Rejected(record, error))
        except _BAD as error:
            # A case that the judge does not know must not stop the partition, and must not go unseen.
            log.exception("%s/%s/%s: not foreseen", record.topic, record.partition, record.offset)
            reason = f"expected a record that can be decoded: {type(error).__name__}: {error}"
            decoded.rejected.append(Rejected(record, InvalidRecord(reason, kind="undecodable")))
        return None

    def _check_size(self, record: SourceRecord) -> None:
        size = len(record.value or b"")
        if size > self._limit:
            raise InvalidRecord(
                f"expected at most {self._limit} bytes (ingestion.max_record_bytes), got {size}",
                kind="too_large",
            )

    def _system(self, headers: Headers) -> str:
        """The `source` header, where it is a short printable word. Remembered by the headers as a whole."""
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
