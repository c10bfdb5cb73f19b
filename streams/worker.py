"""A stream worker: the Faust app, its flushes, its heartbeat and its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from typing import NoReturn

from contracts import logs
from contracts.errors import DependencyError
from contracts.heartbeat import HeartbeatWriter
from contracts.settings import Settings
from kafka_cluster.access import WORKERS, require_access
from kafka_cluster.topics import ensure_topics
from streams.app import StreamApp
from streams.chain import Step, no_step
from streams.recovery import BronzeRows, no_rows
from streams.status import heartbeat_details, holes, publish

log = logging.getLogger(__name__)

TICK_SECONDS = 0.2
BUSY_SECONDS = 0.01
"""Between two looks at what is due while there is much: consumption may wait for room."""
STOP_SECONDS = 7.0
"""How long the last flush and commit may take."""
LEAVE_SECONDS = 2.0
"""How long Faust then has to leave the group."""
EXIT_FAULT = 70
"""Exit code of a process that ended itself because a restart is right."""


def run(settings: Settings, index: int = 1, *, bronze: BronzeRows = no_rows, step: Step = no_step) -> None:
    """Runs stream worker ``index`` (1…) until SIGTERM or SIGINT, then flushes, commits and returns.

    ``bronze`` gives what a recovery needs and landing no longer has. ``step`` is told each step of a flush,
    for tests. Raises DependencyError where the broker does not answer or Faust crashes. Where a restart is
    the only right thing (a skipped record, no progress) the process ends with code 70.
    """
    name = f"stream-worker-{index}"
    logs.configure(name, settings.logs.level)
    logging.getLogger("faust.transport.drivers.aiokafka").setLevel(logging.WARNING)
    ensure_topics(settings)
    require_access(settings, (WORKERS,))
    asyncio.run(_Worker(settings, index, name, step, bronze).main())


class _Worker:
    def __init__(self, settings: Settings, index: int, name: str, step: Step, bronze: BronzeRows) -> None:
        self._settings = settings
        self._heartbeat = HeartbeatWriter(settings, name)
        self._stop = asyncio.Event()
        folder = settings.data_root / "checkpoints" / name
        folder.mkdir(parents=True, exist_ok=True)
        self._stream = StreamApp(settings, index, self._end, folder, step, bronze)
        self._flusher = self._stream.flusher

    async def main(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        app = self._stream.app
        app.finalize()
        app.web.init_server()
        self._beat(force=True)
        starting = asyncio.create_task(app.start())
        pulse = asyncio.create_task(self._pulse())
        try:
            await self._until_stopped(starting, pulse)
            await self._finish()
        finally:
            pulse.cancel()
            await self._leave(starting)

    async def _until_stopped(self, starting: asyncio.Task[None], pulse: asyncio.Task[None]) -> None:
        app = self._stream.app
        while not self._stop.is_set():
            if starting.done() and not starting.cancelled() and (error := starting.exception()):
                raise DependencyError(f"the Faust app did not start: {error}") from error
            if pulse.done():
                pulse.result()
            if app.crashed:
                raise DependencyError(f"the Faust app crashed: {app.crash_reason!r}")
            behind = await self._flusher.tick()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), BUSY_SECONDS if behind else TICK_SECONDS)

    async def _pulse(self) -> None:
        while True:
            self._stream.watch()
            publish(self._flusher)
            self._beat()
            await asyncio.sleep(1.0)

    async def _finish(self) -> None:
        log.info("stopping: last flush")
        try:
            await asyncio.wait_for(self._flusher.flush_all(), STOP_SECONDS)
        except TimeoutError:
            log.warning("the last flush took longer than %.0f s; it will be made up for", STOP_SECONDS)

    async def _leave(self, starting: asyncio.Task[None]) -> None:
        self._flusher.close()
        starting.cancel()
        try:
            await asyncio.wait_for(self._stream.app.stop(), LEAVE_SECONDS)
        except (TimeoutError, asyncio.CancelledError):
            log.info("Faust did not stop in %.0f s; ending without it", LEAVE_SECONDS)
        except Exception:
            log.exception("Faust did not stop cleanly")

    def _beat(self, *, force: bool = False) -> None:
        flusher = self._flusher
        missing = holes(flusher, self._settings.streams.hole_seconds)
        message = flusher.failure
        if missing and not message:
            first = missing[0]
            place = f"{first['source']}/{first['partition']}"
            message = f"records of {place} from source offset {first['next_offset']} are missing"
        state = "degraded" if message else "running" if self._stream.ready else "starting"
        try:
            self._heartbeat.beat(
                flusher.landed,
                state=state,
                message=message,
                details=heartbeat_details(flusher, self._settings.streams.hole_seconds),
                force=force,
            )
        except OSError as error:
            log.warning("heartbeat: %s", error)

    def _end(self, reason: str) -> NoReturn:
        """Ends the process at once: nothing may be committed any more, and a restart begins rightly."""
        log.critical("ending, to be started again: %s", reason)
        with contextlib.suppress(OSError):
            self._heartbeat.beat(self._flusher.landed, state="failed", message=reason, force=True)
        sys.stderr.flush()
        os._exit(EXIT_FAULT)
