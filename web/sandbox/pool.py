"""The parent's side of the sandbox: a few warm workers, a bounded queue, and the kill at the time limit."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from contracts.errors import DependencyError, QueryError
from web.sandbox.protocol import (
    HEADER,
    Begun,
    Done,
    Failed,
    Part,
    Ready,
    Reply,
    Run,
    Setup,
    frame,
    reply,
)
from web.sandbox.refusals import DAMAGED, VANISHED

START_SECONDS = 30.0
RETIRE_MB = 384
"""A worker that holds more resident memory than this after a query makes room for a fresh one."""
BUSY = "busy"
"""Code of the QueryError that says: try again in a second."""

_log = logging.getLogger(__name__)
_CODE_ROOT = Path(__file__).resolve().parents[2]


class FileFailed(QueryError):
    """A file of a table has gone (code `vanished`) or cannot be read (`damaged`). ``file`` is its path, where
    it is known."""

    def __init__(self, message: str, *, code: str, file: str) -> None:
        super().__init__(message, code=code)
        self.file = file


Hear = Callable[[Begun | Part], None]


def _not_heard(_: Begun | Part) -> None:
    pass


class Sandbox:
    """Runs checked queries in killable processes. One event loop only; use as ``async with``.

    The first worker is warm from the start unless ``warm`` is false; others begin when they are needed.
    """

    def __init__(
        self,
        directories: Sequence[Path],
        *,
        memory_mb: int,
        workers: int = 2,
        waiting: int = 16,
        warm: bool = True,
    ) -> None:
        # A folder is a prefix to DuckDB: without the slash it would allow its siblings' names as well.
        folders = tuple(f"{folder}/" for folder in directories)
        self._setup = Setup(directories=folders, memory_mb=memory_mb)
        self._workers = [_Worker(self._setup) for _ in range(workers)]
        self._idle = list(reversed(self._workers))
        self._free = asyncio.Semaphore(workers)
        self._most_waiting = waiting
        self._warm_from_start = warm
        self._waiting = 0
        self._restarts: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Sandbox:
        if self._warm_from_start:
            await self._idle[-1].start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._restarts:
            task.cancel()
        await asyncio.gather(*self._restarts, return_exceptions=True)
        for worker in self._workers:
            await worker.kill()

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that run."""
        return [worker.pid for worker in self._workers if worker.pid]

    async def run(self, query: Run, seconds: float, hear: Hear = _not_heard) -> Done:
        """Runs the query to its end. ``hear`` is called with what the worker says of the answer as it comes:
        ``Begun``, then each ``Part``; a slow client never holds the worker. ``seconds`` runs from when a
        worker takes it; a cancelled run's worker is killed.

        Raises QueryError: `busy` when too many wait, `timeout`, `memory`, `refused`, `invalid`, `failed`; and
        FileFailed.
        """
        if self._waiting >= self._most_waiting:
            raise QueryError("too many queries are waiting; try again shortly", code=BUSY)
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        worker = self._idle.pop()
        try:
            return await self._run_on(worker, query, seconds, hear)
        finally:
            self._idle.append(worker)
            self._free.release()

    async def _run_on(self, worker: _Worker, query: Run, seconds: float, hear: Hear) -> Done:
        await worker.start()
        try:
            end = await asyncio.wait_for(worker.ask(query, hear), seconds)
        except TimeoutError:
            await self._replace(worker)
            raise QueryError(f"the query was stopped after {seconds:g} s", code="timeout") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            await self._replace(worker)
            raise QueryError(
                "the query ended its process, most likely for want of memory", code="memory"
            ) from None
        except BaseException:
            await self._replace(worker)  # the client has gone: nobody waits for the rest
            raise
        if isinstance(end, Failed):
            if end.code in ("memory", "failed"):
                await self._replace(worker)
            if end.code in (VANISHED, DAMAGED):
                raise FileFailed(end.message, code=end.code, file=end.file)
            raise QueryError(end.message, code=end.code, offset=end.offset, suggestions=end.suggestions)
        if end.memory_mb > RETIRE_MB:
            await self._replace(worker)
        return end

    async def _replace(self, worker: _Worker) -> None:
        await worker.kill()
        task = asyncio.create_task(self._warm(worker))
        self._restarts.add(task)
        task.add_done_callback(self._restarts.discard)

    async def _warm(self, worker: _Worker) -> None:
        try:
            await worker.start()
        except DependencyError as error:
            _log.warning(
                "a sandbox worker did not start again; the next query tries", extra={"error": str(error)}
            )


class _Worker:
    """One worker process, started when it is needed."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._process: asyncio.subprocess.Process | None = None
        self._starting = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Returns when the worker is ready. Raises DependencyError."""
        async with self._starting:
            if self._process and self._process.returncode is None:
                return
            # Nothing of our environment: a query must not find secrets there.
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "web.sandbox.worker",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                cwd="/",
                env={"PYTHONPATH": str(_CODE_ROOT), "PATH": os.defpath, "TZ": "UTC"},
                start_new_session=True,
            )
            self._process = process
            try:
                await asyncio.wait_for(self._begin(), START_SECONDS)
            except (TimeoutError, asyncio.IncompleteReadError, ConnectionError) as error:
                await self.kill()
                raise DependencyError("the SQL sandbox's worker does not start") from error
            except BaseException:
                await self.kill()
                raise

    async def ask(self, query: Run, hear: Hear) -> Done | Failed:
        await self._send(frame(query))
        while True:
            match await self._receive():
                case Begun() | Part() as message:
                    hear(message)
                case Done() | Failed() as end:
                    return end
                case other:
                    raise ConnectionError(f"the worker answers a query by {type(other).__name__}")

    async def _begin(self) -> None:
        await self._send(frame(self._setup))
        ready = await self._receive()
        if not isinstance(ready, Ready):
            raise ConnectionError("the worker is not ready")
        if not ready.confined:
            _log.warning("this kernel has no Landlock: SQL is confined by DuckDB and resource limits alone")

    async def kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.wait()
        if process.stdin:
            process.stdin.close()

    async def _send(self, message: bytes) -> None:
        process = self._process
        if process is None or process.stdin is None:
            raise ConnectionError("no worker")
        process.stdin.write(message)
        await process.stdin.drain()

    async def _receive(self) -> Reply:
        process = self._process
        if process is None or process.stdout is None:
            raise ConnectionError("no worker")
        size = int.from_bytes(await process.stdout.readexactly(HEADER), "big")
        message: Reply = reply(await process.stdout.readexactly(size))
        return message
