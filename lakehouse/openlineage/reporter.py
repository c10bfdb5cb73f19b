"""Tells of runs from a thread of its own: whoever runs never waits for it, and nothing that goes wrong here
reaches him."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from contracts.errors import SettingsError
from contracts.settings import Settings
from lakehouse.openlineage.runs import Outcome, Run, failure

if TYPE_CHECKING:
    from lakehouse.openlineage.transports import Sends

MOST_WAITING = 1_000
"""Runs that begin while so many events wait are not told."""
CLOSE_SECONDS = 5.0
"""What waits at the end is still sent within so many seconds."""
COMPLAIN_SECONDS = 60.0
"""Failures are logged this often at most."""

log = logging.getLogger(__name__)

MakeClient = Callable[[Settings], "Sends"]


class Reporter:
    """For one process and any of its threads. Off, all of its methods do nothing."""

    def __init__(self, settings: Settings, make_client: MakeClient | None = None) -> None:
        self.sent = 0
        self.failed = 0
        """Events that did not arrive."""
        self.dropped = 0
        """Runs that were not told, as too much waited."""
        self.enabled = settings.lineage.transport != "off"
        self._settings = settings
        self._make_client = make_client
        self._waiting: deque[tuple[Run, Outcome | None]] = deque()
        self._news = threading.Condition()
        self._closing = False
        self._complained_at = float("-inf")
        self._thread: threading.Thread | None = None

    def begun(self, run: Run) -> bool:
        """Tells that the run begins; whether its end will be told as well."""
        with self._news:
            if not self.enabled or self._closing:
                return False
            if len(self._waiting) >= MOST_WAITING:
                self.dropped += 1
                return False
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="openlineage", daemon=True)
                self._thread.start()
            self._waiting.append((run, None))
            self._news.notify()
            return True

    def ended(self, run: Run, outcome: Outcome) -> None:
        """For a run whose beginning was told."""
        with self._news:
            self._waiting.append((run, outcome))
            self._news.notify()

    @contextmanager
    def telling(
        self, output: str, inputs: Iterable[str], engine: str, *, nominal: datetime | None = None
    ) -> Iterator[Callable[[Outcome], None]]:
        """A run within the block: it fails where the block raises, else ends as is said, or well."""
        run = Run(output=output, inputs=tuple(inputs), engine=engine, nominal=nominal)
        told = self.begun(run)
        said: list[Outcome] = []
        try:
            yield said.append
        except BaseException as error:
            if told:
                self.ended(run, failure(error))
            raise
        if told:
            self.ended(run, said[-1] if said else Outcome())

    def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Sends what waits, as far as there is time."""
        with self._news:
            self._closing = True
            self._news.notify()
        if self._thread is not None:
            self._thread.join(timeout)
            if self._thread.is_alive():
                log.warning("lineage events are lost at the end", extra={"events": len(self._waiting)})

    def _work(self) -> None:
        client: Sends | None = None
        events = None
        while True:
            with self._news:
                self._news.wait_for(lambda: self._waiting or self._closing)
                if not self._waiting:
                    break
                run, outcome = self._waiting.popleft()
            try:
                if client is None or events is None:
                    # Half a second and 30 MB, which nobody pays who does not want events.
                    from lakehouse.openlineage.events import Events
                    from lakehouse.openlineage.transports import make_client

                    client = (self._make_client or make_client)(self._settings)
                    events = Events(self._settings)
                client.emit(events.start(run) if outcome is None else events.end(run, outcome))
            except SettingsError as error:
                log.warning("no lineage is told: %s", error)
                self._give_up()
                return
            except Exception as error:  # noqa: BLE001 - transports raise whatever theirs do
                self.failed += 1
                self._complain(error)
            else:
                self.sent += 1
        if client is not None:
            client.close(CLOSE_SECONDS)

    def _give_up(self) -> None:
        with self._news:
            self.enabled = False
            self._waiting.clear()

    def _complain(self, error: Exception) -> None:
        now = time.monotonic()
        if now - self._complained_at < COMPLAIN_SECONDS:
            return
        self._complained_at = now
        counts = {"failed": self.failed, "dropped": self.dropped, "sent": self.sent}
        log.warning("lineage events do not arrive: %s", error, extra=counts)
