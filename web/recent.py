"""What a slow look finds, for all who ask within some seconds: however many they are, one look at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """For one event loop. ``look`` runs in a thread; what it raises is kept as well, so that what is away is
    not asked by everybody."""

    def __init__(self, look: Callable[[], T], seconds: float) -> None:
        self._look = look
        self._seconds = seconds
        self._task: asyncio.Task[T] | None = None
        self._ended_at = 0.0

    async def get(self) -> T:
        """What the look found that ended last, or that goes on now."""
        task = self._task
        if task is None or (task.done() and monotonic() - self._ended_at > self._seconds):
            task = self._task = asyncio.create_task(asyncio.to_thread(self._look))
            task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[T]) -> None:
        self._ended_at = monotonic()
        if not task.cancelled():
            task.exception()  # who asked may have gone
