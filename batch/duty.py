"""The scheduler's duty that runs the batch jobs: each run a process of its own, one after the other."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

import msgspec
from msgspec import Struct

from batch.children import answer_of
from batch.schedule import Cron
from contracts.errors import DependencyError, PlatformError
from contracts.settings import Settings

SETTLE_SECONDS = 60.0
"""What was missed waits so long after the start, while everything else starts as well."""
QUESTION_SECONDS = 300.0
"""Longest that the question what is due may take."""

log = logging.getLogger(__name__)


class DueRun(Struct, frozen=True):
    """A run as `dp batch due --json` names it."""

    job: str
    run_date: date
    trigger: str


class BatchJobs:
    """At its times and at the start, everything that is due is run, with retries and back-off.

    The engines are loaded by the children alone: this process stays small.
    """

    name = "batch jobs"

    def __init__(
        self,
        settings: Settings,
        environment: Mapping[str, str],
        command: Sequence[str] = (sys.executable, "-P", "-m", "runtime"),
        settle_seconds: float = SETTLE_SECONDS,
    ) -> None:
        """``environment`` is the children's, ``command`` how `dp` is started. Raises SettingsError for a
        schedule that is none."""
        self._settle_seconds = settle_seconds
        self._cron = Cron(settings.batch.schedule, settings.batch.time_zone)
        self._settings = settings.batch
        self._environment = dict(environment)
        self._command = tuple(command)
        self.running = ""
        """The run that goes on; for the heartbeat."""

    def next_after(self, at: datetime) -> datetime:
        return self._cron.next_after(at)

    def do(self, at: datetime, stop: threading.Event) -> None:
        """Raises DependencyError where a run has failed for good; the others have been made all the same."""
        stop.wait(self._settle_seconds)
        self._settle_seconds = 0.0
        today = self._cron.last_before(at).astimezone(UTC).date()
        answer = self._child(stop, ("batch", "due", "--today", today.isoformat(), "--json"), QUESTION_SECONDS)
        failed = []
        for run in msgspec.json.decode(answer or b"[]", type=list[DueRun]):
            if stop.is_set():
                return
            if not self._run(run, stop) and not stop.is_set():
                failed.append(f"{run.job} {run.run_date}")
        if failed:
            raise DependencyError(
                f"failed {self._settings.attempts} times: {', '.join(failed)}; see dp batch history"
            )

    def _run(self, run: DueRun, stop: threading.Event) -> bool:
        for attempt in range(1, self._settings.attempts + 1):
            self.running = f"{run.job} {run.run_date}"
            log.info("batch run begins", extra={"run": self.running, "why": run.trigger, "attempt": attempt})
            arguments = ("batch", "run", run.job, "--date", run.run_date.isoformat())
            told = ("--trigger", run.trigger, "--attempt", str(attempt), "--json")
            try:
                self._child(stop, (*arguments, *told), self._settings.timeout_seconds)
            except PlatformError as error:
                log.warning("batch run failed: %s", error, extra={"run": self.running, "attempt": attempt})
            else:
                return True
            finally:
                self.running = ""
            if attempt < self._settings.attempts:
                stop.wait(self._settings.retry_seconds * 2 ** (attempt - 1))
            if stop.is_set():
                return False
        return False

    def _child(self, stop: threading.Event, arguments: Sequence[str], seconds: float) -> bytes:
        return answer_of([*self._command, *arguments], self._environment, stop, seconds)
