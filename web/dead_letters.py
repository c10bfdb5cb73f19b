"""`GET /dead-letters`: what ingestion has refused and why, from one reading of the topic for all who ask."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct

from contracts.errors import DependencyError, NotFound
from contracts.settings import Settings
from kafka_cluster.dead_letter_log import DeadLetterLog, Letter, Reason, Seen
from web.recent import Recent

KEEP_SECONDS = 3.0
"""So long an answer may lag behind the topic."""
MOST_REASONS = 200


class RefusedFor(Struct, kw_only=True):
    """How often records of a source were refused for one reason."""

    source: str
    kind: str
    """A short stable word."""
    reason: str
    count: int
    replayed: int
    """Of these, how many have been sent again since."""
    newest: datetime


class DeadLetter(Struct, kw_only=True):
    """A record that was refused, as it stands now."""

    position: str
    """Of its newest refusal in the dead-letter topic: `topic/partition/offset`."""
    origin: str
    """Its identity, for `dp dead-letters show` and `replay`: where it was first refused."""
    source: str
    kind: str
    reason: str
    attempts: int
    """How many times it has been refused."""
    dead_lettered_at: datetime
    replayed: bool
    """Whether it has been sent again since."""
    raw: str | None
    """The first 4 KiB of its bytes, as `encoding` says; null: it had none."""
    encoding: Literal["text", "base64"]
    raw_bytes: int
    """All of its bytes."""


class DeadLetters(Struct, kw_only=True):
    """`GET /dead-letters`."""

    at: datetime
    total: int
    """Dead letters, each refused record once; of the source and kind that were asked for."""
    complete: bool
    """false: the topic is still being read, or has more than the newest 100,000, which are counted."""
    by_reason: list[RefusedFor]
    """The most frequent first; 200 at most."""
    letters: list[DeadLetter]
    """The newest first; 100 of each source and kind at most."""


class DeadLetterView:
    """For one event loop."""

    def __init__(self, settings: Settings) -> None:
        log = DeadLetterLog(settings)
        self._recent = Recent(lambda: (datetime.now(UTC), log.look()), KEEP_SECONDS)

    async def get(self, source: str | None, kind: str | None, limit: int) -> DeadLetters:
        """Raises DependencyError where the broker is away, or there is no such topic yet."""
        try:
            at, seen = await self._recent.get()
        except NotFound as error:
            raise DependencyError(str(error)) from None
        return _told(at, seen, source, kind, limit)


def _told(at: datetime, seen: Seen, source: str | None, kind: str | None, limit: int) -> DeadLetters:
    def wanted(one: Reason | Letter) -> bool:
        return source in (None, one.source) and kind in (None, one.kind)

    reasons = [one for one in seen.reasons if wanted(one)]
    letters = [one for many in seen.letters.values() for one in many if wanted(one)]
    letters.sort(key=lambda one: one.dead_lettered_at, reverse=True)
    return DeadLetters(
        at=at,
        total=sum(one.count for one in reasons),
        complete=seen.complete,
        by_reason=[
            RefusedFor(
                source=one.source,
                kind=one.kind,
                reason=one.reason,
                count=one.count,
                replayed=one.replayed,
                newest=one.newest,
            )
            for one in reasons[:MOST_REASONS]
        ],
        letters=[_letter(one) for one in letters[:limit]],
    )


def _letter(one: Letter) -> DeadLetter:
    raw, encoding = _readable(one.raw, cut=one.raw is not None and len(one.raw) < one.raw_bytes)
    return DeadLetter(
        position=one.position,
        origin=one.origin,
        source=one.source,
        kind=one.kind,
        reason=one.reason,
        attempts=one.attempts,
        dead_lettered_at=one.dead_lettered_at,
        replayed=one.replayed,
        raw=raw,
        encoding=encoding,
        raw_bytes=one.raw_bytes,
    )


def _readable(raw: bytes | None, *, cut: bool) -> tuple[str | None, Literal["text", "base64"]]:
    if raw is None:
        return None, "text"
    try:
        return raw.decode(), "text"
    except UnicodeDecodeError as error:
        if cut and error.start >= len(raw) - 3 and error.reason == "unexpected end of data":
            return raw[: error.start].decode(), "text"  # cut within a character
    return base64.b64encode(raw).decode(), "base64"
