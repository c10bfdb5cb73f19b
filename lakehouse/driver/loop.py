"""The lakehouse driver: one loop, the only writer of Delta tables.

Bronze every `bronze_seconds`, silver every `silver_seconds` with a bronze round first, gold after each silver
round as its own rule says, and the commands of the control channel in between.
"""

from __future__ import annotations

import logging
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from types import FrameType
from typing import Any

from contracts.errors import PlatformError
from contracts.heartbeat import HeartbeatWriter
from contracts.settings import Settings
from lakehouse.audit import UNRECORDED, AuditLog, Recorder
from lakehouse.audit.commits import CHAIN, CommitFollower
from lakehouse.driver.audited import Audited, Steps
from lakehouse.driver.control import Command, ControlServer
from lakehouse.driver.refresh import RefreshRequest, status_of
from lakehouse.engine import Engine
from lakehouse.maintenance.steps import Maintenance
from lakehouse.medallion.rounds import Rounds
from lakehouse.storage.lock import lakehouse_lock

SERVICE = "lakehouse-driver"
MAINTENANCE_IDLE_SECONDS = 1.0
"""A step of maintenance is begun where no round is due within so many seconds …"""
MAINTENANCE_LATEST_SECONDS = 10.0
"""… or where there has been none for so long, so that busy tables are kept small as well."""
BACK_OFF_SECONDS = 60.0
"""Longest wait after failed rounds."""

log = logging.getLogger(__name__)


def run(settings: Settings, engine: Engine) -> None:
    """Runs until SIGTERM or SIGINT; the commit that is being written is finished first. Closes the engine.

    Raises ConflictError where another process writes the tables, PortInUse, and DependencyError where the
    engine does not start.
    """
    wake: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
    stop = threading.Event()

    def ended(number: int, _: FrameType | None) -> None:
        stop.set()
        wake.put(None)

    with closing(engine), lakehouse_lock(settings), _signals(ended), _Beats(settings) as beats:
        engine.connect()
        if stop.is_set():
            return
        with (
            AuditLog(settings, SERVICE, chain=CHAIN) as audit,
            CommitFollower(settings, audit) as commits,
            closing(Rounds(settings, engine)) as rounds,
            _Warming(engine, lambda: wake.put(None)) as warming,
        ):
            server = ControlServer(settings, wake.put, lambda: status_of(rounds, engine.name))
            audited = Audited(audit, commits.catch_up)
            with closing(server):
                beats.show(rounds, audit)
                log.info("ready", extra={"engine": engine.name})
                Loop(settings, rounds, wake, stop, lambda: not warming.is_alive(), audited).run()
    log.info("stopped")


class Loop:
    """Decides what is done when. ``wake`` brings commands, and None where there is something to look at.
    Until ``is_warm`` only bronze, which needs no engine, goes on."""

    def __init__(
        self,
        settings: Settings,
        rounds: Rounds,
        wake: queue.SimpleQueue[Command | None],
        stop: threading.Event,
        is_warm: Callable[[], bool] = lambda: True,
        audited: Audited | None = None,
    ) -> None:
        self._rounds = rounds
        self._is_warm = is_warm
        self._wake = wake
        self._stop = stop
        self._every = {"bronze": float(settings.bronze_seconds), "silver": float(settings.silver_seconds)}
        self._due = dict.fromkeys(self._every, 0.0)
        self._waiting: list[Command] = []
        self._current: tuple[Command, Steps] | None = None
        self._audited = audited or Audited()
        self._maintenance = Maintenance(settings, rounds, audit=self._audited.audit)
        self._maintained = time.monotonic()

    def run(self) -> None:
        while not self._stop.is_set():
            self._scheduled()
            self._commands()
            self._maintain()
            self._sleep()
        if self._current is not None:
            self._current[1].close()
        for command in [*([self._current[0]] if self._current else []), *self._waiting]:
            command.fail(PlatformError("the lakehouse driver was stopped; run it again"))

    def _scheduled(self) -> None:
        started = time.monotonic()
        if self._is_warm() and started >= self._due["silver"]:
            more = self._rounds.bronze()
            self._next("bronze", started, more)
            with self._bronze_beside():
                if not self._stop.is_set():
                    more = self._rounds.silver() or more
                if not self._stop.is_set():
                    more = self._rounds.gold() or more
            self._next("silver", started, more)
        elif started >= self._due["bronze"]:
            self._next("bronze", started, self._rounds.bronze())

    @contextmanager
    def _bronze_beside(self) -> Iterator[None]:
        """Bronze keeps its cadence while the engine is at work on other tables, which may take longer.
        Nothing else writes bronze meanwhile: commands and maintenance wait as well."""
        over = threading.Event()

        def rounds() -> None:
            while not over.wait(max(self._due["bronze"] - time.monotonic(), 0.0)):
                started = time.monotonic()
                self._next("bronze", started, self._rounds.bronze(beside=True))

        thread = threading.Thread(target=rounds, name="bronze", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _next(self, layer: str, started: float, more: bool) -> None:
        """Sets when the layer is due again: at once while there is more, later and later while rounds
        fail."""
        failing = self._rounds.failing(*(("bronze",) if layer == "bronze" else ("silver", "gold")))
        if failing:
            wait = min(
                self._every[layer] * 2 ** min(failing - 1, 10), max(BACK_OFF_SECONDS, self._every[layer])
            )
        else:
            wait = 0.0 if more else self._every[layer]
        self._due[layer] = started + wait

    def _commands(self) -> None:
        """One step of the command that runs, or the beginning of the next."""
        if not self._is_warm():
            return
        if self._current is None and self._waiting:
            command = self._waiting.pop(0)
            self._current = command, self._audited.perform(self._rounds, command.request, command.user)
        if self._current is None:
            return
        command, steps = self._current
        rebuilds = isinstance(command.request, RefreshRequest) and command.request.rebuilds
        try:
            with self._bronze_beside() if rebuilds else nullcontext():
                progress = next(steps, None)
        except PlatformError as error:
            log.warning("command failed: %s", error, extra={"command": command.name})
            command.fail(error)
            self._current = None
        except Exception as error:
            log.exception("command failed", extra={"command": command.name})
            command.fail(error)
            self._current = None
        else:
            if progress is not None:
                command.tell(progress)
            if progress is None or progress.state == "done":
                self._current = None

    def _maintain(self) -> None:
        """A step of maintenance where the rounds leave time for it, and now and then where they do not."""
        now = time.monotonic()
        if not self._is_warm() or self._current is not None or self._maintenance.due_in() > 0:
            return
        idle = min(self._due.values()) - now
        if idle >= MAINTENANCE_IDLE_SECONDS or now - self._maintained >= MAINTENANCE_LATEST_SECONDS:
            self._maintenance.step()
            self._maintained = time.monotonic()

    def _sleep(self) -> None:
        """Until something is due, a command comes, or the end; not at all while a command runs."""
        warm = self._is_warm()
        busy = warm and (self._current is not None or bool(self._waiting))
        due = min(self._due.values()) if warm else self._due["bronze"]
        wait = 0.0 if busy else max(due - time.monotonic(), 0.0)
        if warm and wait >= MAINTENANCE_IDLE_SECONDS:
            wait = min(wait, max(self._maintenance.due_in(), 0.0))
        try:
            command = self._wake.get(timeout=wait) if wait else self._wake.get_nowait()
        except queue.Empty:
            return
        if command is not None:
            self._waiting.append(command)


class _Warming(threading.Thread):
    """Warms the engine up beside the first bronze rounds. A fault is left to the first round that needs the
    engine, which meets it again, counts it and tries anew."""

    def __init__(self, engine: Engine, done: Callable[[], None]) -> None:
        super().__init__(name="warm-up", daemon=True)
        self._engine = engine
        self._done = done

    def __enter__(self) -> _Warming:
        self.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        if self.is_alive():
            # A warm-up in the middle of a task ends when its engine does.
            self._engine.close()
        self.join()

    def run(self) -> None:
        try:
            self._engine.warm_up()
        except PlatformError as error:
            log.warning("warm-up failed: %s", error)
        finally:
            self._done()


class _Beats:
    """Beats once a second from a thread of its own: a round of minutes is not a dead driver."""

    def __init__(self, settings: Settings) -> None:
        self._writer = HeartbeatWriter(settings, SERVICE)
        self._rounds: Rounds | None = None
        self._audit: Recorder = UNRECORDED
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def show(self, rounds: Rounds, audit: Recorder) -> None:
        """From now on the driver is ready, and its state is that of the rounds and of the audit log."""
        self._audit = audit
        self._rounds = rounds
        self._beat()

    def __enter__(self) -> _Beats:
        self._beat()
        self._thread.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(1.0):
            try:
                self._beat()
            except OSError:
                log.warning("heartbeat cannot be written", exc_info=True)

    def _beat(self) -> None:
        if self._rounds is None:
            self._writer.beat(state="starting", force=True)
            return
        status = self._rounds.status
        complaints = status.complaints()
        if trouble := self._audit.trouble:
            complaints.append(f"the audit log cannot be written: {trouble}")
        self._writer.beat(
            status.total,
            state="degraded" if complaints else "running",
            message=complaints[0] if complaints else "",
            details=status.details(),
            force=True,
        )


@contextmanager
def _signals(handler: Any) -> Iterator[None]:
    """SIGTERM and SIGINT go to ``handler`` meanwhile; only in a main thread, elsewhere nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
