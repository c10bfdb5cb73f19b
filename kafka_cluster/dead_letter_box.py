"""Reads the dead-letter topic whole, tells what is pending, and replays it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import UTC, datetime

from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition
from msgspec import Struct

from contracts.errors import ContractError, DependencyError, NotFound
from contracts.settings import Settings
from contracts.sources import DEAD_LETTER_TOPIC, source_of_topic
from kafka_cluster import connections
from kafka_cluster.dead_letters import DeadLetter, Position, Replayed, decode, encode
from kafka_cluster.topics import partition_count

CONNECT_SECONDS = 10.0
REPLAY_WINDOW = 500
Condition = Callable[[DeadLetter], bool]
_CONDITION = re.compile(
    r"(topic|kind|reason|partition|offset|attempts|source_offset)(=|~|>=|<=)(.*)", re.DOTALL
)


class Entry(Struct):
    """A dead letter as it stands now: its latest refusal, and whether it has been replayed since."""

    letter: DeadLetter
    replayed: bool = False


class Places(Struct):
    """How far the topic has been read. By partition."""

    next: dict[int, int] = {}
    """Offset of the next record."""
    begin: dict[int, int] = {}
    """Offset of the first record that the topic still had when it was last asked."""
    times_anew: int = 0
    """How often it turned out to be another topic than before."""


class Note(Struct, frozen=True):
    """One record of the topic; an error where it is none of ours."""

    partition: int
    offset: int
    content: DeadLetter | Replayed | ContractError


def entries(settings: Settings) -> dict[Position, Entry]:
    """Every dead letter by identity, in the order of first refusal, once each whatever was sent twice.

    Raises DependencyError where the broker does not answer, NotFound where the topic does not exist.
    """
    return asyncio.run(_entries(settings))


def search(
    settings: Settings, wanted: bytes, seconds: float, connect_seconds: float = CONNECT_SECONDS
) -> list[DeadLetter]:
    """The dead letters whose bytes hold ``wanted``, each as it was last refused.

    Raises as ``entries``, and DependencyError where it is not done within ``seconds``.
    """
    connections.check_reachable(settings, connect_seconds)
    return asyncio.run(_search(settings, wanted, seconds, connect_seconds))


def replay(settings: Settings, letters: Sequence[DeadLetter]) -> int:
    """Sends the records again to their topics, to the partition that they were in; how many were sent.

    A refusal after that raises ``attempts``. Raises ContractError where one was stored cut, before anything
    is sent, and DependencyError where the broker does not acknowledge.
    """
    for letter in letters:
        source_of_topic(letter.source_topic)
        if letter.truncated:
            raise ContractError(
                f"{letter.origin}: only {len(letter.value() or b'')} of {letter.raw_bytes} bytes are kept; "
                "produce it again from its source, or leave it out with --where"
            )
    return asyncio.run(_replay(settings, letters))


def conditions(texts: Iterable[str]) -> Condition:
    """All of `topic=…`, `kind=…`, `partition=…`, `offset>=…`, `attempts<=…` (also `=`), `reason~…` (a regular
    expression, also for topic and kind). Raises ContractError for another form."""
    tests = [_condition(text) for text in texts]
    return lambda letter: all(test(letter) for test in tests)


def _condition(text: str) -> Condition:
    match = _CONDITION.fullmatch(text.strip())
    if match is None:
        raise ContractError(
            f"--where {text}: expected topic=…, kind=…, reason~…, partition=…, offset>=… or attempts=…"
        )
    name, operator, wanted = match.groups()
    if name in ("topic", "kind", "reason"):
        if operator not in ("=", "~"):
            raise ContractError(f"--where {text}: {name} takes = or ~")
        try:
            pattern = re.compile(wanted if operator == "~" else re.escape(wanted))
        except re.error as error:
            raise ContractError(f"--where {text}: {error}") from error
        found = pattern.search if operator == "~" else pattern.fullmatch
        return lambda letter: found(_text_of(letter, name)) is not None
    if not wanted.isdecimal() or operator == "~":
        raise ContractError(f"--where {text}: expected a whole number after =, >= or <=")
    number = int(wanted)
    if operator == "=":
        return lambda letter: _number_of(letter, name) == number
    if operator == ">=":
        return lambda letter: _number_of(letter, name) >= number
    return lambda letter: _number_of(letter, name) <= number


def _text_of(letter: DeadLetter, name: str) -> str:
    return {"topic": letter.identity.topic, "kind": letter.kind, "reason": letter.reason}[name]


def _number_of(letter: DeadLetter, name: str) -> int:
    if name == "attempts":
        return letter.attempts
    identity = letter.identity
    return identity.partition if name == "partition" else identity.offset


async def _entries(settings: Settings) -> dict[Position, Entry]:
    found: dict[Position, Entry] = {}
    async for note in _notes(settings):
        identity = Position.parse(note.origin)
        if isinstance(note, DeadLetter):
            entry = found.get(identity)
            # Ingestion may have sent one refusal twice; a real second one has more attempts.
            if entry is None or note.attempts > entry.letter.attempts:
                found[identity] = Entry(note)
        elif identity in found and found[identity].letter.attempts <= note.attempts:
            found[identity].replayed = True
    return found


async def _search(
    settings: Settings, wanted: bytes, seconds: float, connect_seconds: float
) -> list[DeadLetter]:
    found: dict[Position, DeadLetter] = {}
    try:
        async with asyncio.timeout(seconds):
            async for note in read_notes(settings, Places(), connect_seconds):
                letter = note.content
                if isinstance(letter, DeadLetter) and wanted in (letter.value() or b""):
                    known = found.get(letter.identity)
                    if known is None or letter.attempts > known.attempts:
                        found[letter.identity] = letter
    except TimeoutError:
        raise DependencyError(f"topic {DEAD_LETTER_TOPIC} was not read within {seconds:g} s") from None
    return list(found.values())


async def _notes(settings: Settings) -> AsyncIterator[DeadLetter | Replayed]:
    async for note in read_notes(settings, Places()):
        if isinstance(note.content, ContractError):
            raise note.content
        yield note.content


async def read_notes(
    settings: Settings, places: Places, connect_seconds: float = CONNECT_SECONDS
) -> AsyncIterator[Note]:
    """The records of the topic from ``places`` on, to where it ends now; ``places`` follows.

    Where the topic has been made anew, ``places`` is reset before the first of them. Raises as ``entries``.
    """
    count = await asyncio.to_thread(partition_count, settings, DEAD_LETTER_TOPIC, connect_seconds)
    if count == 0:
        raise NotFound(f"topic {DEAD_LETTER_TOPIC} does not exist; it is made by `dp up` and `dp ingest`")
    partitions = [TopicPartition(DEAD_LETTER_TOPIC, number) for number in range(count)]
    async with connections.consumer(settings, "dp-dead-letters", connect_seconds=connect_seconds) as consumer:
        consumer.assign(partitions)
        try:
            ends = await consumer.end_offsets(partitions)
            begins = await consumer.beginning_offsets(partitions)
            if any(places.next.get(tp.partition, 0) > ends[tp] for tp in partitions):
                places.next = {}
                places.times_anew += 1
            for tp in partitions:
                places.begin[tp.partition] = begins[tp]
                consumer.seek(tp, max(places.next.get(tp.partition, 0), begins[tp]))
            while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
                batches = await consumer.getmany(timeout_ms=1000)
                for tp, records in batches.items():
                    for record in records:
                        if record.offset >= ends[tp]:
                            break
                        places.next[tp.partition] = record.offset + 1
                        if record.value is not None:
                            yield Note(tp.partition, record.offset, _content(record.value))
        except KafkaError as error:
            raise DependencyError(f"topic {DEAD_LETTER_TOPIC}: {error}") from error


def _content(value: bytes) -> DeadLetter | Replayed | ContractError:
    try:
        return decode(value)
    except ContractError as error:
        return error


async def _replay(settings: Settings, letters: Sequence[DeadLetter]) -> int:
    async with connections.producer(
        settings, "dp-dead-letters", linger_ms=5, connect_seconds=CONNECT_SECONDS
    ) as producer:
        try:
            for start in range(0, len(letters), REPLAY_WINDOW):
                window = letters[start : start + REPLAY_WINDOW]
                sent = [
                    await producer.send(
                        letter.source_topic,
                        letter.value(),
                        key=letter.key_bytes(),
                        partition=letter.source_partition,
                        headers=letter.replay_headers(),
                    )
                    for letter in window
                ]
                await asyncio.gather(*sent)
                # Noted only when the broker has the records: a crash between replays them twice, never not.
                now = datetime.fromtimestamp(time.time(), UTC)
                notes = [
                    await producer.send(
                        DEAD_LETTER_TOPIC,
                        encode(Replayed(origin=letter.origin, attempts=letter.attempts, replayed_at=now)),
                        key=letter.source_topic.encode(),
                        partition=0,
                    )
                    for letter in window
                ]
                await asyncio.gather(*notes)
        except KafkaError as error:
            raise DependencyError(f"replay: {error}; run it again for the rest") from error
    return len(letters)
