"""The dead-letter topic, followed: what is in it now, known to whoever asks every few seconds.

Each look reads only what has come since the one before. What is kept is bounded: a few figures of each of the
newest letters, and the bytes of the newest of each source and kind, cut.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, defaultdict, deque
from datetime import datetime

from msgspec import Struct, structs

from contracts.errors import DependencyError
from contracts.settings import Settings
from contracts.sources import DEAD_LETTER_TOPIC, SOURCES
from kafka_cluster import connections
from kafka_cluster.dead_letter_box import Note, Places, read_notes
from kafka_cluster.dead_letters import DeadLetter, Position

LOOK_SECONDS = 4.0
"""A look takes no longer; where there is more to read, the next one goes on."""
CONNECT_SECONDS = 3.0
MOST_LETTERS = 100_000
"""So many of the newest letters are counted."""
MOST_WHOLE = 100
"""Of each source and kind so many of the newest are kept with their bytes."""
MOST_KINDS = 200
"""Sources and kinds of which bytes are kept."""
RAW_BYTES = 4096
REASON_CHARACTERS = 500

_SOURCES = {source.topic: source.name for source in SOURCES}
Group = tuple[str, str, str]
"""Source, kind, reason."""


class Letter(Struct, gc=False):
    """A dead letter as it stands now."""

    source: str
    """Name of the source, or the topic where it is none of ours."""
    kind: str
    reason: str
    attempts: int
    dead_lettered_at: datetime
    position: str
    """In the dead-letter topic, of the newest refusal: `topic/partition/offset`."""
    origin: str
    raw_bytes: int
    raw: bytes | None
    """The beginning of its bytes; None: it had none, or they are not kept."""
    offset: int
    partition: int
    replayed: bool = False
    """Whether it has been sent again since it was last refused."""


class Reason(Struct):
    """How often something was refused for one reason."""

    source: str
    kind: str
    reason: str
    count: int
    replayed: int
    newest: datetime


class Seen(Struct):
    """What is known after a look."""

    total: int
    replayed: int
    reasons: list[Reason]
    """The most frequent first."""
    letters: dict[tuple[str, str], list[Letter]]
    """Those that are kept with their bytes, by source and kind, the newest first."""
    complete: bool
    """Whether all of the topic has been read and is counted."""
    unreadable: int
    """Records of the topic that are none of ours."""


class DeadLetterLog:
    """Follows the topic of one broker. Safe for several threads; looks happen one after the other."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._said: Seen | None = None
        self._forget()

    def look(self) -> Seen:
        """Reads on, and says what is there. Raises DependencyError where the broker does not answer, NotFound
        where there is no such topic."""
        connections.check_reachable(self._settings, CONNECT_SECONDS)
        with self._lock:
            asyncio.run(self._read())
            if self._said is None:
                self._said = self._seen()
            return structs.replace(self._said, complete=self._is_all and not self._dropped)

    def _forget(self) -> None:
        self._places = Places()
        self._letters: dict[Position, Letter] = {}
        """In the order of their first refusal."""
        self._whole: dict[tuple[str, str], deque[Letter]] = {}
        self._dropped = False
        self._unreadable = 0
        self._is_all = False
        self._said = None

    async def _read(self) -> None:
        anew, read = self._places.times_anew, 0
        self._is_all = False
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                async for note in read_notes(self._settings, self._places, CONNECT_SECONDS):
                    if self._places.times_anew != anew:
                        places = self._places
                        self._forget()
                        self._places, anew = places, places.times_anew
                    self._take(note)
                    read += 1
                    self._said = None
        except TimeoutError:
            if not read:
                told = f"topic {DEAD_LETTER_TOPIC}: no answer within {LOOK_SECONDS:g} s"
                raise DependencyError(told) from None
        else:
            self._is_all = True
            if self._places.times_anew != anew:  # and it is empty
                self._forget()
                self._is_all = True
        self._expire()

    def _take(self, note: Note) -> None:
        content = note.content
        if isinstance(content, DeadLetter):
            known = self._letters.get(content.identity)
            # Ingestion may have sent one refusal twice; a real second one has more attempts.
            if known is None or content.attempts > known.attempts:
                self._keep(content, note)
        elif isinstance(content, Exception):
            self._unreadable += 1
        else:
            letter = self._letters.get(Position.parse(content.origin))
            if letter is not None and letter.attempts <= content.attempts:
                letter.replayed = True

    def _keep(self, content: DeadLetter, note: Note) -> None:
        value = content.value()
        letter = Letter(
            source=_SOURCES.get(content.source_topic, content.source_topic),
            kind=content.kind,
            reason=content.reason[:REASON_CHARACTERS],
            attempts=content.attempts,
            dead_lettered_at=content.dead_lettered_at,
            position=f"{DEAD_LETTER_TOPIC}/{note.partition}/{note.offset}",
            origin=content.origin,
            raw_bytes=content.raw_bytes,
            raw=None if value is None else value[:RAW_BYTES],
            offset=note.offset,
            partition=note.partition,
        )
        self._letters.pop(content.identity, None)  # the newest refusals last
        self._letters[content.identity] = letter
        if len(self._letters) > MOST_LETTERS:
            del self._letters[next(iter(self._letters))]
            self._dropped = True
        key = (letter.source, letter.kind)
        whole = self._whole.get(key)
        if whole is None:
            if len(self._whole) >= MOST_KINDS:
                letter.raw = None
                return
            whole = self._whole[key] = deque()
        whole.append(letter)
        if len(whole) > MOST_WHOLE:
            whole.popleft().raw = None

    def _expire(self) -> None:
        """Forgets what the topic's retention has cut."""
        begin = self._places.begin
        gone = [key for key, one in self._letters.items() if one.offset < begin.get(one.partition, 0)]
        for key in gone:
            del self._letters[key]
        if gone:
            self._said = None

    def _seen(self) -> Seen:
        counts: Counter[Group] = Counter()
        replayed: Counter[Group] = Counter()
        newest: dict[Group, datetime] = {}
        for letter in self._letters.values():
            group = (letter.source, letter.kind, letter.reason)
            counts[group] += 1
            replayed[group] += letter.replayed
            newest[group] = max(newest.get(group, letter.dead_lettered_at), letter.dead_lettered_at)
        there = {id(letter) for letter in self._letters.values()}
        letters: dict[tuple[str, str], list[Letter]] = defaultdict(list)
        for key, whole in self._whole.items():
            letters[key] = [letter for letter in reversed(whole) if id(letter) in there]
        return Seen(
            total=len(self._letters),
            replayed=replayed.total(),
            reasons=[
                Reason(*group, count=count, replayed=replayed[group], newest=newest[group])
                for group, count in counts.most_common()
            ],
            letters=dict(letters),
            complete=False,
            unreadable=self._unreadable,
        )
