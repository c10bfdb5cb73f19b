"""The audit log of one process: takes entries from any thread, and writes them in groups from its own."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol

from contracts.errors import DependencyError
from contracts.settings import Settings
from lakehouse.audit.entry import LOST, Entry
from lakehouse.audit.writing import Carry, ChainWriter

GROUP_SECONDS = 1.0
"""An entry waits so long for others; a process that is killed loses these."""
GROUP = 2_000
"""So many are written at once without waiting, and at most."""
MOST_WAITING = 50_000
"""Entries that are kept in memory while the disk refuses them. Further ones are lost, and counted."""
RETRY_SECONDS = 1.0
PATIENCE_SECONDS = 30.0
"""Longest that somebody waits for an entry to be durable."""
CLOSE_SECONDS = 10.0
"""Longest that a disk that is stuck holds up the end of a process."""

log = logging.getLogger(__name__)


class Recorder(Protocol):
    """Where operations are told of."""

    @property
    def lost(self) -> int:
        """Entries since the start for which there was no room."""

    @property
    def trouble(self) -> str:
        """Why nothing can be kept now, in a sentence; empty: all is well."""

    def record(
        self,
        action: str,
        *,
        user: str | None = None,
        subject: str | None = None,
        details: Mapping[str, Any] | None = None,
        texts: Mapping[str, str] | None = None,
    ) -> bool:
        """Keeps an entry soon: within about a second, on a thread of its own. Never blocks and never raises;
        False: there is no room, and it is lost."""

    def record_durably(
        self,
        action: str,
        *,
        user: str | None = None,
        subject: str | None = None,
        details: Mapping[str, Any] | None = None,
        texts: Mapping[str, str] | None = None,
    ) -> None:
        """The entry, and all before it, are on disk when this returns. Raises DependencyError; then it is
        not kept, and what it tells of must not happen."""

    def flush(self) -> None:
        """Everything recorded so far is on disk when this returns. Raises DependencyError."""


class _Waiter:
    """Somebody who waits until the entry is durable."""

    def __init__(self) -> None:
        self.error: str | None = None
        self.done = threading.Event()


_Item = tuple[Entry | None, _Waiter | None]


class AuditLog:
    """One for each process. Nothing is opened before the first entry, and trouble with the log never stops
    whoever uses it: it is told by ``trouble``, and what is durable is refused."""

    def __init__(self, settings: Settings, service: str, *, chain: str = "") -> None:
        """``chain``: that of another name than the service's, for who does another's work."""
        self.lost = 0
        """Entries since the start for which there was no room."""
        self.carry: Carry = dict
        """Tells what each day's first line has as `carried`; called from the writing thread."""
        self._settings = settings
        self._had_root = settings.data_root.is_dir()
        self._service = service
        self._chain = chain or service
        self._items: deque[_Item] = deque()
        self._trouble = ""
        self._lost_told = 0
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._stopping = False
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._writer: ChainWriter | None = None

    @property
    def trouble(self) -> str:
        return self._trouble

    def record(
        self,
        action: str,
        *,
        user: str | None = None,
        subject: str | None = None,
        details: Mapping[str, Any] | None = None,
        texts: Mapping[str, str] | None = None,
    ) -> bool:
        return self._put(
            Entry(action=action, user=user, subject=subject, details=details or {}, texts=texts or {}), None
        )

    def record_durably(
        self,
        action: str,
        *,
        user: str | None = None,
        subject: str | None = None,
        details: Mapping[str, Any] | None = None,
        texts: Mapping[str, str] | None = None,
    ) -> None:
        self._wait(Entry(action=action, user=user, subject=subject, details=details or {}, texts=texts or {}))

    def flush(self) -> None:
        self._wait(None)

    def close(self) -> None:
        """Writes what is left and ends the chain in order. Never raises: what cannot be kept is logged."""
        with self._starting:
            self._stopping = True
            thread = self._thread
        if thread is not None:
            self._hurry.set()
            self._wake.set()
            thread.join(CLOSE_SECONDS)

    def __enter__(self) -> AuditLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _put(self, entry: Entry | None, waiter: _Waiter | None) -> bool:
        if (waiter is None and len(self._items) >= MOST_WAITING) or self._stopping:
            self.lost += 1
            return False
        self._items.append((entry, waiter))
        if self._thread is None:
            self._start()
        if waiter is not None or len(self._items) >= GROUP:
            self._hurry.set()
        if not self._wake.is_set():
            self._wake.set()
        return True

    def _start(self) -> None:
        with self._starting:
            if self._thread is None and not self._stopping:
                # A daemon: whoever forgets to close must not hang at the end.
                self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
                self._thread.start()

    def _wait(self, entry: Entry | None) -> None:
        waiter = _Waiter()
        if not self._put(entry, waiter):
            raise DependencyError(f"the audit log takes nothing: {self._trouble or 'it is closed'}")
        if not waiter.done.wait(PATIENCE_SECONDS):
            raise DependencyError("the audit log does not answer: its disk is stuck")
        if waiter.error is not None:
            raise DependencyError(f"the audit log cannot be written: {waiter.error}")

    def _run(self) -> None:
        while True:
            self._wake.wait()
            if not self._stopping:
                self._hurry.wait(GROUP_SECONDS)
            self._hurry.clear()
            self._wake.clear()
            while self._items and self._write():
                pass
            if self._items and not self._stopping:
                self._hurry.wait(RETRY_SECONDS)
                self._wake.set()
            elif self._stopping:
                self._end()
                return

    def _write(self) -> bool:
        """The next group; False: it could not be written. Entries that nobody waits for stay then."""
        count = min(len(self._items), GROUP)
        items = [self._items[index] for index in range(count)]
        entries = [entry for entry, _ in items if entry is not None]
        lost = self.lost - self._lost_told
        if lost:
            entries.append(Entry(action=LOST, details={"entries": lost}))
        done = 0
        try:
            while done < len(entries):
                if self._writer is None:
                    if self._had_root and not self._settings.data_root.is_dir():
                        raise FileNotFoundError("the data root is away")
                    self._writer = ChainWriter(self._settings, self._chain, self._service, self.carry)
                done += self._writer.append(entries[done:] if done else entries)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is logged, and tried again
            self._failed(items, done, error)
            return False
        self._lost_told += lost
        for _ in items:
            self._items.popleft()
        if self._trouble:
            log.warning("the audit log is written again")
            self._trouble = ""
        _answer(items, None)
        return True

    def _failed(self, items: list[_Item], done: int, error: Exception) -> None:
        """The first ``done`` entries are kept. Of the others those stay that nobody waits for; who waits is
        refused, and their entry goes."""
        text = str(error) or type(error).__name__
        if not self._trouble:
            log.error("the audit log cannot be written: %s", text, exc_info=error)
        self._trouble = text
        kept: list[_Item] = []
        for item in items:
            self._items.popleft()
            entry, waiter = item
            if entry is not None and done > 0:
                done -= 1
                _answer([item], None)
            elif waiter is None:
                kept.append(item)
            else:
                _answer([item], text)
        self._items.extendleft(reversed(kept))

    def _end(self) -> None:
        if self._items:
            log.error("audit entries are lost: %s", self._trouble, extra={"entries": len(self._items)})
            _answer(list(self._items), self._trouble)
        if self._writer is not None:
            try:
                self._writer.close(in_order=not self._items)
            except OSError:
                log.exception("the audit log cannot be closed in order")


def _answer(items: list[_Item], error: str | None) -> None:
    for _, waiter in items:
        if waiter is not None:
            waiter.error = error
            waiter.done.set()


class _Unrecorded:
    """For what is run without a log: tests, benchmarks."""

    lost = 0
    trouble = ""

    def record(self, action: str, **told: Any) -> bool:
        return True

    def record_durably(self, action: str, **told: Any) -> None:
        pass

    def flush(self) -> None:
        pass


UNRECORDED: Recorder = _Unrecorded()
