"""One service under supervision: its process, its readiness, its log, and what happens when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from contracts.configuration import Resolved
from contracts.errors import DependencyError, PlatformError, SettingsError
from runtime.topology import leftovers
from runtime.topology.declaration import Launch, Process, Service
from runtime.topology.environment import environment
from runtime.topology.logfiles import ServiceLog
from runtime.topology.state import ServiceState, ServiceStatus
from runtime.topology.threads import in_thread

log = logging.getLogger(__name__)

PROBE_SECONDS = 0.25
WATCH_SECONDS = 5.0
"""Pause between two probes of a service that is ready."""
WATCH_FAILURES = 3
"""So many failed probes in a row make a ready service a degraded one."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
HEALTHY_SECONDS = 60.0
"""A service that lived so long begins again with the shortest pause."""
START_ATTEMPTS = 4
"""A service that dies so often before it was ever ready does not start at all."""
WRONG_SETTINGS = SettingsError.exit_code
CANNOT_EXECUTE = 127
CHILD = Path(__file__).with_name("child.py")
READ_BYTES = 256 * 1024


class Runner:
    """Runs one service until it is stopped. All methods belong to the event loop's thread."""

    def __init__(self, service: Service, resolved: Resolved, changed: Callable[[], None]) -> None:
        self.service = service
        self.ready = asyncio.Event()
        """Set at the first readiness, and never cleared."""
        self._resolved = resolved
        self._settings = resolved.settings
        self._instance = str(resolved.settings.data_root)
        self._changed = changed
        self._log = ServiceLog(self._settings, service.name)
        self.status = ServiceStatus(name=service.name, log=str(self._log.path))
        self._gate = asyncio.Lock()
        self._popen: subprocess.Popen[bytes] | None = None
        self._ended = asyncio.Event()
        self._stopping = asyncio.Event()
        self._pipe = -1
        self._silent = True
        self._failure: PlatformError | None = None

    async def run(self, dependencies: Iterable[Runner]) -> None:
        """Starts the service after its dependencies, and again whenever it dies; returns after ``stop``.

        Raises PlatformError when the service cannot be started at all.
        """
        for other in dependencies:
            self.status.message = f"waits for {other.service.name}"
            await any_of(other.ready, self._stopping)
        self.status.message = ""
        began = time.monotonic()
        deaths = 0
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            started = time.monotonic()
            code = await self._live(began)
            if self._stopping.is_set():
                return
            if self._failure is not None:
                raise self._failure
            reason = self._why(code)
            if not self.ready.is_set():
                deaths += 1
                hopeless = code in (WRONG_SETTINGS, CANNOT_EXECUTE)
                late = time.monotonic() - began > self.service.start_seconds
                if hopeless or late or deaths >= START_ATTEMPTS:
                    raise self._fail(reason)
            self.status.restarts += 1
            self.status.last_error = reason
            if time.monotonic() - started > HEALTHY_SECONDS:
                pause = FIRST_PAUSE
            log.warning("%s ended: %s; starting it again in %g s", self.service.name, reason, pause)
            self._set("restarting", reason)
            await any_of(self._stopping, seconds=pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def stop(self, seconds: float, hurry: asyncio.Event) -> None:
        """Asks the process to end, and kills it and its descendants after ``seconds`` or at ``hurry``."""
        self._stopping.set()
        async with self._gate:
            if self._popen is not None and not self._ended.is_set():
                self._set("stopping")
                self._popen.terminate()
                await any_of(self._ended, hurry, seconds=seconds)
                if not self._ended.is_set():
                    log.warning("%s did not end in %.1f s and is killed", self.service.name, seconds)
                    await in_thread(leftovers.end, self._instance, self.service.name)
                    await self._ended.wait()
            if self.status.state != "failed":
                self._set("stopped")

    def close(self) -> None:
        """After the end of ``run``."""
        self._drain(final=True)
        self._log.close()

    def flush_log(self) -> None:
        """Writes a held-back line when nothing has come since the last call."""
        if self._silent:
            self._log.flush()
        self._silent = True

    async def _live(self, began: float) -> int:
        """One life of the process. Returns its exit code, negative for a signal."""
        async with self._gate:
            if self._stopping.is_set():
                return 0
            try:
                descriptor = await self._spawn()
            except PlatformError as error:
                self._failure = error
                return 1
        assert self._popen is not None
        loop = asyncio.get_running_loop()
        loop.add_reader(descriptor, self._ended.set)
        watching = asyncio.create_task(self._watch(began))
        try:
            await self._ended.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
            # Descendants go with it: they hold its ports, its pipe, and an executor would work on unseen.
            await in_thread(leftovers.end, self._instance, self.service.name)
            code = self._popen.wait()
            self.status.pid = None
            self._drain(final=True)
        return code

    async def _spawn(self) -> int:
        """Starts the process and returns a descriptor that becomes readable at its end."""
        launch = await in_thread(self.service.launch, self._settings)
        await in_thread(launch.prepare)
        self._ended.clear()
        self._log.form.last_error = self._log.form.last_line = ""
        self.status.started = time.time()
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        try:
            self._popen = self._execute(launch, writing)
        finally:
            os.close(writing)
        self._pipe = reading
        asyncio.get_running_loop().add_reader(reading, self._drain)
        self.status.pid = self._popen.pid
        self._set("starting")
        return os.pidfd_open(self._popen.pid)

    def _execute(self, launch: Launch, output: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            (sys.executable, "-I", "-S", str(CHILD), str(os.getpid()), *launch.argv),
            env=environment(self._resolved, self.service.name, launch.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )

    async def _watch(self, began: float) -> None:
        """Probes until the service is ready, and ever after."""
        process = Process(service=self.service.name, since=self.status.started or 0.0, owns=self._owns)
        failures = 0
        while not self._stopping.is_set():
            try:
                await in_thread(self.service.probe, self._settings, process)
                if not self.ready.is_set() and self.service.prepare is not None:
                    await in_thread(self.service.prepare, self._settings)
            except PlatformError as error:
                failures += 1
                if not self._stopping.is_set():
                    self._not_ready(str(error), failures, began)
            else:
                failures = 0
                if not self._stopping.is_set():
                    self._set("ready")
                    self.ready.set()
            watched = self.status.state in ("ready", "degraded")
            await asyncio.sleep(WATCH_SECONDS if watched else PROBE_SECONDS)

    def _not_ready(self, reason: str, failures: int, began: float) -> None:
        if self.status.state in ("ready", "degraded"):
            if failures >= WATCH_FAILURES:
                self._set("degraded", reason)
            return
        self.status.message = reason
        if not self.ready.is_set() and time.monotonic() - began > self.service.start_seconds:
            self._failure = self._fail(f"not ready after {self.service.start_seconds:g} s: {reason}")
            assert self._popen is not None
            self._popen.kill()

    def _drain(self, *, final: bool = False) -> None:
        """Takes what the process has printed."""
        while self._pipe >= 0:
            try:
                data = os.read(self._pipe, READ_BYTES)
            except BlockingIOError:
                if not final:
                    return
                data = b""
            if data:
                self._silent = False
                self._log.feed(data)
                if not final:
                    return
            else:
                asyncio.get_running_loop().remove_reader(self._pipe)
                os.close(self._pipe)
                self._pipe = -1
        if final:
            self._log.finish()

    def _owns(self, pid: int) -> bool:
        return leftovers.carries(pid, self._instance, self.service.name)

    def _why(self, code: int) -> str:
        form = self._log.form
        how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
        said = form.last_error or form.last_line
        return f"{how}: {said}" if said else how

    def _fail(self, reason: str) -> DependencyError:
        self._set("failed", reason)
        return DependencyError(f"{self.service.name} does not start: {reason} (log: {self._log.path})")

    def _set(self, state: ServiceState, message: str = "") -> None:
        changed = self.status.state != state
        self.status.state, self.status.message = state, message
        if changed:
            log.info("%s is %s%s", self.service.name, state, f": {message}" if message else "")
            self._changed()


async def any_of(*events: asyncio.Event, seconds: float | None = None) -> None:
    """Returns when one of the events is set, or after ``seconds``."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
