"""The dead-letter topic: what was refused, why, where it came from, and its bytes, for a replay after a fix.

A dead letter's identity is the source position at which its bytes were *first* refused. A replay sends the
bytes to their topic again with that position and the number of attempts as headers, so that a second refusal
raises the attempts of the same dead letter instead of making a new one; and it leaves a ``Replayed`` note in
the dead-letter topic, so that nothing is replayed twice.
"""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct, field

from contracts.errors import ContractError, InvalidRecord
from contracts.sources import SOURCES

ATTEMPTS_HEADER = "dp-attempts"
ORIGIN_HEADER = "dp-origin"
RAW_SHARE = 0.625
"""Of `kafka.max_message_bytes`; longer values are cut: base64 of the rest would not fit the broker's record
limit. The source topic has them whole until its retention."""
MAX_RAW_BYTES = 10 * 1024**2
"""The same for the default limit."""
_TOPICS = frozenset(source.topic for source in SOURCES)


class Position(Struct, frozen=True, order=True):
    """A place in a topic; written `topic/partition/offset`."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """Raises ContractError for a text of another form."""
        topic, _, rest = text.strip().partition("/")
        partition, _, offset = rest.partition("/")
        if not (topic and partition.isdecimal() and offset.isdecimal()):
            raise ContractError(f"{text!r}: expected TOPIC/PARTITION/OFFSET")
        return cls(topic, int(partition), int(offset))


class DeadLetter(Struct, kw_only=True, tag_field="type", tag="dead_letter"):
    """One refusal. Times are UTC; ``raw``, ``key`` and the headers' values are base64."""

    reason: str
    """Field path and expectation."""
    kind: str
    """A short stable word for counting."""
    source_topic: str
    source_partition: int
    source_offset: int
    source_timestamp: datetime | None
    """Kafka's own timestamp of the record."""
    origin: str
    """Identity: position of the first refusal, `topic/partition/offset`."""
    attempts: int
    """How many times these bytes have been refused."""
    dead_lettered_at: datetime
    raw: str | None
    raw_bytes: int
    truncated: bool = False
    """``raw`` holds only the beginning."""
    key: str | None = None
    headers: list[tuple[str, str | None]] = field(default_factory=list)

    @property
    def identity(self) -> Position:
        return Position.parse(self.origin)

    def value(self) -> bytes | None:
        """The record's value as it was sent."""
        return None if self.raw is None else base64.b64decode(self.raw)

    def key_bytes(self) -> bytes | None:
        return None if self.key is None else base64.b64decode(self.key)

    def replay_headers(self) -> list[tuple[str, bytes]]:
        """The record's own headers and those that make a second refusal count as one."""
        own = [
            (name, base64.b64decode(value))
            for name, value in self.headers
            if value is not None and name not in (ATTEMPTS_HEADER, ORIGIN_HEADER)
        ]
        return [
            *own,
            (ATTEMPTS_HEADER, str(self.attempts).encode()),
            (ORIGIN_HEADER, self.origin.encode()),
        ]


class Replayed(Struct, kw_only=True, tag_field="type", tag="replayed"):
    """A note that a dead letter has been sent to its topic again."""

    origin: str
    attempts: int
    replayed_at: datetime


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(DeadLetter | Replayed)


def dead_letter(record: Any, error: InvalidRecord, most: int = MAX_RAW_BYTES) -> DeadLetter:
    """The dead letter of a Kafka record (any object with a record's attributes)."""
    value: bytes | None = record.value
    headers = [(str(name), content) for name, content in record.headers or ()]
    attempts, origin = _history(headers, Position(record.topic, record.partition, record.offset))
    return DeadLetter(
        reason=str(error),
        kind=error.kind,
        source_topic=record.topic,
        source_partition=record.partition,
        source_offset=record.offset,
        source_timestamp=_moment(record.timestamp),
        origin=str(origin),
        attempts=attempts,
        dead_lettered_at=datetime.fromtimestamp(time.time(), UTC),
        raw=_text(None if value is None else value[:most]),
        raw_bytes=len(value or b""),
        truncated=len(value or b"") > most,
        key=_text(None if record.key is None else record.key[:65536]),
        headers=[(name, _text(content)) for name, content in headers if len(content or b"") <= 65536][:64],
    )


def encode(letter: DeadLetter | Replayed) -> bytes:
    """The record's value in the dead-letter topic; its key is the source topic."""
    return _encoder.encode(letter)


def decode(value: bytes) -> DeadLetter | Replayed:
    """Raises ContractError for bytes that are neither."""
    try:
        letter: DeadLetter | Replayed = _decoder.decode(value)
    except (msgspec.MsgspecError, ValueError) as error:
        raise ContractError(f"no dead letter: {error}") from error
    return letter


def _history(headers: list[tuple[str, bytes | None]], here: Position) -> tuple[int, Position]:
    """Attempts so far and the identity, from a replay's headers where the record has them."""
    found = {name: (content or b"").decode("utf-8", "replace") for name, content in headers}
    text = found.get(ATTEMPTS_HEADER, "")
    try:
        origin = Position.parse(found.get(ORIGIN_HEADER, ""))
    except ContractError:
        return 1, here
    if origin.topic not in _TOPICS or not (text.isdecimal() and len(text) < 7):
        return 1, here
    return int(text) + 1, origin


def _moment(milliseconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds >= 0 else None
    except (OverflowError, ValueError, OSError):
        return None


def _text(content: bytes | None) -> str | None:
    return None if content is None else base64.b64encode(content).decode("ascii")
