"""The supervisor: starts services in order, keeps them running, and stops them in reverse order in time."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from contracts.configuration import Resolved
from contracts.errors import DependencyError, PlatformError
from runtime.topology import leftovers, sampling
from runtime.topology.declaration import Service, connect_host
from runtime.topology.environment import settings_file
from runtime.topology.ports import check_ports
from runtime.topology.runner import Runner, any_of
from runtime.topology.state import Address, CopyState, Lock, Snapshot, write_snapshot
from runtime.topology.threads import in_thread

log = logging.getLogger(__name__)

STOP_SECONDS = 20.0
RESERVE_SECONDS = 2.0
"""Part of the time limit that is kept for killing what did not end."""
TICK_SECONDS = 1.0
MEMORY_SECONDS = 5.0
LAG_SECONDS = 5.0


class Supervisor:
    """Runs one copy of the platform on one data root."""

    def __init__(
        self,
        resolved: Resolved,
        services: Sequence[Service],
        *,
        on_change: Callable[[Snapshot], None] = lambda snapshot: None,
        stop_seconds: float = STOP_SECONDS,
    ) -> None:
        self._resolved = resolved
        self._settings = resolved.settings
        self._services = services
        self._on_change = on_change
        self._stop_seconds = stop_seconds
        self._instance = str(self._settings.data_root)
        self._lock = Lock(self._settings)
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._runners: dict[str, Runner] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._guardian: subprocess.Popen[bytes] | None = None
        self._guardian_pipe = -1
        self.snapshot = Snapshot(
            at=time.time(),
            data=self._instance,
            pid=os.getpid(),
            engine=self._settings.lakehouse.engine,
            started=time.time(),
        )

    def request_stop(self) -> None:
        """Begins a clean stop; called again, kills everything at once. Belongs to the event loop's thread."""
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    async def run(self) -> None:
        """Blocks until ``request_stop``, and until everything has stopped.

        Raises ConflictError where another supervisor holds the data root, PortInUse, and DependencyError for
        a service that cannot be started; nothing runs any more then.
        """
        try:
            await in_thread(self._lock.acquire)
        except OSError as error:
            raise DependencyError(f"the data root {self._instance} cannot be written: {error}") from error
        try:
            await self._run()
        finally:
            self._lock.release()

    async def _run(self) -> None:
        ticking: asyncio.Task[None] | None = None
        try:
            if ended := await in_thread(leftovers.end, self._instance):
                log.warning("ended %d processes that an earlier start had left", ended)
            check_ports(self._settings, self._services)
            settings_file(self._resolved).write()
            self._start_guardian()
            self._runners = {
                service.name: Runner(service, self._resolved, self._publish) for service in self._services
            }
            self.snapshot.services = [runner.status for runner in self._runners.values()]
            self._publish()
            ticking = asyncio.create_task(self._observe())
            await self._start_and_wait(ticking)
        except PlatformError as error:
            self.snapshot.message, self.snapshot.exit_code = str(error), error.exit_code
            log.error("%s", error)  # noqa: TRY400  # a sentence for people; the stack says nothing more
            raise
        except Exception:
            self.snapshot.message, self.snapshot.exit_code = "internal error, see the supervisor's log", 1
            log.exception("internal error")
            raise
        finally:
            await self._stop_all()
            if ticking is not None:
                ticking.cancel()
            self._end_guardian()
            for runner in self._runners.values():
                runner.close()
            self._enter("failed" if self.snapshot.message else "stopped")

    async def _start_and_wait(self, ticking: asyncio.Task[None]) -> None:
        """Until a stop is requested. Raises what a runner raised."""
        for name, runner in self._runners.items():
            needed = [self._runners[other] for other in runner.service.depends_on]
            self._tasks[name] = asyncio.create_task(runner.run(needed), name=name)
        ready = asyncio.create_task(self._all_ready())
        stop = asyncio.create_task(self._stop.wait())
        try:
            waiting: set[asyncio.Task[object]] = {ready, stop, ticking, *self._tasks.values()}
            while not stop.done():
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            ready.cancel()
            stop.cancel()

    async def _all_ready(self) -> None:
        for runner in self._runners.values():
            await runner.ready.wait()
        self.snapshot.ready_at = time.time()
        self.snapshot.addresses = self._addresses()
        log.info("ready after %.1f s", self.snapshot.ready_at - self.snapshot.started)
        self._enter("ready")

    async def _stop_all(self) -> None:
        """Each service after those that depend on it; within the time limit, whatever they do."""
        self._enter("stopping")
        deadline = time.monotonic() + self._stop_seconds - RESERVE_SECONDS
        stopped = {name: asyncio.Event() for name in self._runners}

        async def stop(runner: Runner) -> None:
            name = runner.service.name
            for other in self._runners.values():
                if name in other.service.depends_on:
                    await stopped[other.service.name].wait()
            share = runner.service.stop_seconds / self._stop_weight(runner.service)
            await runner.stop(max(deadline - time.monotonic(), 0.0) * share, self._hurry)
            if (task := self._tasks.get(name)) is not None:
                # The first failure has been reported; others are in the services' states.
                await asyncio.gather(task, return_exceptions=True)
            stopped[name].set()

        await asyncio.gather(*(stop(runner) for runner in self._runners.values()))
        if ended := await in_thread(leftovers.end, self._instance):
            log.warning("killed %d processes that outlived their services", ended)

    def _stop_weight(self, service: Service) -> float:
        """Its own share of the time and that of the longest chain of services that are stopped after it."""
        below = (self._stop_weight(self._runners[name].service) for name in service.depends_on)
        return service.stop_seconds + max(below, default=0.0)

    async def _observe(self) -> None:
        """Samples once a second; memory and lag less often and beside."""
        last_memory = 0.0
        lag = asyncio.create_task(self._sample_lag())
        try:
            while True:
                for runner in self._runners.values():
                    runner.flush_log()
                try:
                    if time.monotonic() - last_memory > MEMORY_SECONDS:
                        last_memory = time.monotonic()
                        await self._sample_memory()
                    sampling.add_heartbeats(self._settings, self.snapshot)
                except OSError as error:
                    log.warning("a sample is missing: %s", error)
                self._check_guardian()
                self._publish()
                await asyncio.sleep(TICK_SECONDS)
        finally:
            lag.cancel()

    async def _sample_memory(self) -> None:
        used = await in_thread(sampling.memory, self._instance)
        for status in self.snapshot.services:
            status.memory, status.rss = used.get(status.name, (0, 0))
        own, _ = sampling.memory_of(os.getpid())
        self.snapshot.memory = own + sum(pss for pss, _ in used.values())

    async def _sample_lag(self) -> None:
        """Once everything has been ready: before that the groups are only forming."""
        from kafka_cluster.cluster import ClusterManager

        cluster = ClusterManager(self._settings)
        while True:
            if self.snapshot.ready_at is not None:
                try:
                    self.snapshot.cluster = await in_thread(cluster.state)
                    self.snapshot.lag = sampling.lag_by_group(self.snapshot.cluster)
                except PlatformError as error:
                    log.info("the cluster's state is not known: %s", error)
                    self.snapshot.cluster = self.snapshot.lag = None
            await any_of(self._stop, seconds=LAG_SECONDS)

    def _start_guardian(self) -> None:
        reading, self._guardian_pipe = os.pipe()
        try:
            self._guardian = subprocess.Popen(
                (
                    sys.executable,
                    "-P",
                    "-m",
                    f"{leftovers.__package__}.guardian",
                    self._instance,
                    str(reading),
                ),
                pass_fds=(reading, self._lock.descriptor),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        finally:
            os.close(reading)

    def _check_guardian(self) -> None:
        if self._guardian is not None and self._guardian.poll() is not None:
            log.warning("the guardian has died; starting another")
            os.close(self._guardian_pipe)
            self._start_guardian()

    def _end_guardian(self) -> None:
        if self._guardian is not None:
            os.close(self._guardian_pipe)
            self._guardian.wait()

    def _addresses(self) -> list[Address]:
        host = connect_host(self._settings)
        return [
            Address(title=port.title, url=f"{port.scheme}://{host}:{port.number}".removeprefix("://"))
            for service in self._services
            for port in service.ports
            if port.title
        ]

    def _enter(self, state: CopyState) -> None:
        self.snapshot.state = state
        self._publish()

    def _publish(self) -> None:
        self.snapshot.at = time.time()
        try:
            write_snapshot(self._settings, self.snapshot)
        except OSError as error:
            # A full disk must not end the supervision of what runs.
            log.error("status.json cannot be written: %s", error)  # noqa: TRY400
        self._on_change(self.snapshot)
