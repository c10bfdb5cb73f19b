"""Where one event is: in landing, bronze, silver and gold, or among the dead letters. For
`GET /trace/{event_id}` and `dp trace`."""

from __future__ import annotations

import asyncio
from datetime import datetime
from threading import TIMEOUT_MAX

import msgspec
from msgspec import Struct

from contracts.errors import DependencyError, NotFound, QueryError
from contracts.settings import Settings
from kafka_cluster import dead_letter_box
from lakehouse.reading.trace import Copy, GoldRow, Place, trace

TABLE_SECONDS = 20.0
LETTER_SECONDS = 8.0
CONNECT_SECONDS = 3.0
MOST_WAITING = 8
"""Searches of different events that may be under way or wait; each takes a core and up to half a GB."""
LONGEST_ID = 512


class Refused(Struct, kw_only=True):
    """A dead letter whose bytes hold the event's id."""

    origin: str
    """Where it was first refused, `topic/partition/offset`: its name for `dp dead-letters`."""
    kind: str
    reason: str
    attempts: int
    dead_lettered_at: datetime


class Journey(Struct, kw_only=True):
    """Where one event is."""

    event_id: str
    source: str | None = None
    """Null: it is in no table, and was refused."""
    reached: Place | None = None
    copies: list[Copy] = []
    """Each delivery, in source order of each partition."""
    gold: list[GoldRow] = []
    """The gold rows that it counts in."""
    dead_letters: list[Refused] = []
    """Searched where no table has the event."""


def journey(
    settings: Settings,
    event_id: str,
    *,
    table_seconds: float = TIMEOUT_MAX,
    letter_seconds: float = TIMEOUT_MAX,
    connect_seconds: float = dead_letter_box.CONNECT_SECONDS,
) -> Journey:
    """Raises NotFound where it is nowhere, DependencyError where a file cannot be read, QueryError
    (`timeout`) where the tables take longer than ``table_seconds``."""
    found = trace(settings, event_id, seconds=table_seconds)
    if found is not None:
        return Journey(
            event_id=event_id,
            source=found.source,
            reached=found.reached,
            copies=found.copies,
            gold=found.gold,
        )
    unsearched = ""
    try:
        letters = dead_letter_box.search(settings, event_id.encode(), letter_seconds, connect_seconds)
    except (DependencyError, NotFound) as error:
        letters, unsearched = [], str(error)
    if not letters:
        raise NotFound(
            f"no event {event_id!r} in landing, bronze, silver"
            + (f"; dead letters were not searched: {unsearched}" if unsearched else " or the dead letters")
            + ". An event takes up to a flush (10 s) to land: `dp status` shows lag; is the id complete?"
        )
    return Journey(
        event_id=event_id,
        dead_letters=[
            Refused(
                origin=letter.origin,
                kind=letter.kind,
                reason=letter.reason,
                attempts=letter.attempts,
                dead_lettered_at=letter.dead_lettered_at,
            )
            for letter in letters
        ],
    )


def encode(found: Journey) -> bytes:
    """As JSON; values of gold rows that JSON has no form for are text."""
    return msgspec.json.encode(found, enc_hook=str)


class Journeys:
    """For one event loop: one search at a time, and one for all who ask for the same event meanwhile."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._turn = asyncio.Semaphore(1)
        self._running: dict[str, asyncio.Task[bytes]] = {}

    async def get(self, event_id: str) -> bytes:
        """The journey as JSON. Raises as ``journey``, and QueryError (`busy`) where too many wait."""
        if len(event_id) > LONGEST_ID:
            raise NotFound(f"no event has an id of {len(event_id):,} characters")
        task = self._running.get(event_id)
        if task is None:
            if len(self._running) >= MOST_WAITING:
                raise QueryError("too many events are being searched for; try again shortly", code="busy")
            task = self._running[event_id] = asyncio.create_task(self._search(event_id))
            task.add_done_callback(lambda done: self._ended(event_id, done))
        return await asyncio.shield(task)

    async def _search(self, event_id: str) -> bytes:
        async with self._turn:
            found = await asyncio.to_thread(
                journey,
                self._settings,
                event_id,
                table_seconds=TABLE_SECONDS,
                letter_seconds=LETTER_SECONDS,
                connect_seconds=CONNECT_SECONDS,
            )
        return encode(found)

    def _ended(self, event_id: str, task: asyncio.Task[bytes]) -> None:
        del self._running[event_id]
        if not task.cancelled():
            task.exception()  # who asked may have gone
