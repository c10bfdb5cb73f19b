"""Queries under way and their answers: each runs once for all who ask for the same, and is kept."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager

import msgspec

from web.sandbox.protocol import Begun, Column, Done, Format, Part

OVERHEAD_BYTES = 4096
"""Counted for a kept answer beside its rows: its key, columns and objects."""

_encode = msgspec.json.Encoder().encode


class Execution:
    """One run of a query, its answer so far, and whoever waits for it.

    It ends early, and its worker with it, when the last reader has gone.
    """

    def __init__(self, format: Format, versions: dict[str, int | None]) -> None:
        self.format = format
        self.versions = versions
        """Delta version of each table that is read; None: not created yet, or without versions."""
        self.columns: list[Column] = []
        self.parts: list[bytes] = []
        self.size = 0
        """Bytes of the parts."""
        self.given_up = False
        """Whether its last reader went before its end: it is being ended."""
        self.sent = False
        """Whether a client may have got some of it already."""
        self.end: Done | None = None
        self._ended = asyncio.Event()
        self._readers = 0
        self._changed: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._whole: bytes | None = None

    def start(self, work: Callable[[Execution], Awaitable[Done]]) -> None:
        """Begins the run."""
        self._task = asyncio.create_task(self._run(work))
        # Readers get the error from the task; one that nobody waits for any more is nobody's.
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _run(self, work: Callable[[Execution], Awaitable[Done]]) -> None:
        try:
            self.end = await work(self)
        finally:
            self._ended.set()
            self._tell()

    def hear(self, message: Begun | Part) -> None:
        """Takes what the sandbox says."""
        if isinstance(message, Begun):
            self.columns = message.columns
            return
        self.parts.append(message.data)
        self.size += len(message.data)
        self._tell()

    def _tell(self) -> None:
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)
        self._changed = None

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Execution]:
        """While somebody reads, the run goes on."""
        self.join()
        try:
            yield self
        finally:
            self.leave()

    def begin_again(self, versions: dict[str, int | None]) -> bool:
        """Forgets what has come, for a run over other versions. False where some of it has been sent."""
        if self.sent:
            return False
        self.versions = versions
        self.columns, self.parts, self.size = [], [], 0
        return True

    def join(self) -> None:
        """Begins to read; ``leave`` ends it."""
        self._readers += 1

    def leave(self) -> None:
        self._readers -= 1
        if not self._readers and self._task is not None and not self._task.done():
            self.given_up = True
            self._task.cancel()

    async def whole(self) -> Done:
        """Returns at the end. Raises what the query fails with."""
        await self._ended.wait()
        self._raise()
        assert self.end is not None
        return self.end

    async def pieces(self) -> AsyncIterator[bytes]:
        """The parts as they come. Raises what the query fails with."""
        parts, number = self.parts, 0  # ``body`` puts another list in its place
        while True:
            if not self.sent and self.end is None and parts is not self.parts:
                parts, number = self.parts, 0  # it has begun again
            while number < len(parts):
                number += 1
                yield parts[number - 1]
            if self.end is not None:
                return
            self._raise()
            if self._changed is None:
                self._changed = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._changed)

    def _raise(self) -> None:
        if self._task is not None and self._task.done():
            self._task.result()

    def json_head(self) -> bytes:
        """The JSON answer up to its rows."""
        return b'{"columns":%b,"versions":%b,"rows":[' % (_encode(self.columns), _encode(self.versions))

    def json_tail(self) -> bytes:
        """The JSON answer after its rows."""
        assert self.end is not None
        return b'],"row_count":%d,"truncated":%b,"elapsed_ms":%b}' % (
            self.end.row_count,
            b"true" if self.end.truncated else b"false",
            _encode(self.end.elapsed_ms),
        )

    def rows(self) -> bytes:
        """The rows of a run that has ended: as JSON an array of arrays, else the file of the format."""
        if self._whole is None:
            return b"[%b]" % b",".join(self.parts) if self.format == "json" else b"".join(self.parts)
        if self.format == "json":
            return self._whole[len(self.json_head()) - 1 : len(self._whole) - len(self.json_tail()) + 1]
        return self._whole

    def body(self) -> bytes:
        """The whole answer of a run that has ended, as it is sent."""
        if self._whole is None:
            if self.format == "json":
                self._whole = self.json_head() + b",".join(self.parts) + self.json_tail()
            else:
                self._whole = b"".join(self.parts)
            self.parts = []
        return self._whole


class Executions:
    """The runs under way, and the answers kept, up to ``max_bytes`` of them. One event loop only."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[Hashable, Execution] = OrderedDict()
        self._bytes = 0
        self._running: dict[Hashable, Execution] = {}
        self.hits = 0
        """Answers that were kept or under way when they were asked for."""
        self.misses = 0

    @property
    def kept_bytes(self) -> int:
        return self._bytes

    def get(self, key: Hashable) -> Execution | None:
        """The kept answer, or the run that is under way."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        else:
            found = self._running.get(key)
        if found is None or found.given_up:
            return None
        self.hits += 1
        return found

    def start(
        self, key: Hashable, execution: Execution, work: Callable[[Execution], Awaitable[Done]]
    ) -> Execution:
        """Runs what nobody has asked for yet."""
        self.misses += 1
        self._running[key] = execution

        async def and_keep(execution: Execution) -> Done:
            try:
                end = await work(execution)
            finally:
                if self._running.get(key) is execution:
                    del self._running[key]
            if end.repeatable:
                self._keep(key, execution)
            return end

        execution.start(and_keep)
        return execution

    def clear(self) -> None:
        """Forgets all answers."""
        self._kept.clear()
        self._bytes = 0

    def _keep(self, key: Hashable, execution: Execution) -> None:
        if execution.size > self._max_bytes // 8:
            return
        self._kept[key] = execution
        self._bytes += execution.size + OVERHEAD_BYTES
        while self._bytes > self._max_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= oldest.size + OVERHEAD_BYTES
