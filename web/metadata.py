"""Answers about tables, encoded and kept for a moment: many may ask, and the files are looked at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from time import monotonic
from typing import Any

import msgspec
from msgspec import Struct

from lakehouse.audit import UNRECORDED, Recorder
from lakehouse.catalog import Annotation, Catalog

KEEP_SECONDS = 1.0
"""So long an answer may lag behind the files. An edit through this process is seen at once."""
MOST = 128
"""Answers that are kept; questions are many, as they can be about any words."""

_encoder = msgspec.json.Encoder()


class _Answer(Struct):
    made: asyncio.Task[bytes]
    asked_at: float


class Metadata:
    """For one event loop. The work is done in threads, once for all who ask the same in the meantime."""

    def __init__(self, catalog: Catalog, audit: Recorder = UNRECORDED) -> None:
        self._catalog = catalog
        self._audit = audit
        self._answers: dict[Hashable, _Answer] = {}

    async def answer(self, question: Hashable, ask: Callable[[Catalog], Any]) -> bytes:
        """What ``ask`` answers to ``question``: bytes and text as they are, else as JSON. Raises what it
        raises."""
        now = monotonic()
        known = self._answers.get(question)
        if known is None or _is_over(known, now):
            self._make_room(now)
            task = asyncio.create_task(asyncio.to_thread(self._encoded, ask))
            known = self._answers[question] = _Answer(task, now)
        # Who goes away must not take the answer from the others.
        return await asyncio.shield(known.made)

    async def annotate(self, name: str, edit: Annotation, *, by: str) -> None:
        """Sets a table's owner or tags; whatever is asked after it tells so. Raises as the catalog does."""
        try:
            await asyncio.to_thread(self._catalog.annotate, name, edit, by=by, audit=self._audit)
        finally:
            self._answers.clear()

    def _encoded(self, ask: Callable[[Catalog], Any]) -> bytes:
        told = ask(self._catalog)
        if isinstance(told, bytes):
            return told
        return told.encode() if isinstance(told, str) else _encoder.encode(told)

    def _make_room(self, now: float) -> None:
        if len(self._answers) >= MOST:
            self._answers = {q: answer for q, answer in self._answers.items() if not _is_over(answer, now)}
        while len(self._answers) >= MOST:
            del self._answers[next(iter(self._answers))]


def _is_over(answer: _Answer, now: float) -> bool:
    """An answer is as old as its question; one that is still being made is not asked for again."""
    if not answer.made.done():
        return False
    failed = answer.made.cancelled() or answer.made.exception() is not None
    return failed or now - answer.asked_at > KEEP_SECONDS
