"""The scheduler's duty that archives all tables."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime

from batch.children import answer_of
from batch.schedule import Cron
from contracts.settings import Settings
from lakehouse.archive.store import archives

SECONDS = 24 * 3600.0
"""An archive that takes longer is given up."""


class Archiving:
    """At its times, and at the start where the last one was missed, `dp lakehouse archive` is run."""

    name = "archive"

    def __init__(
        self,
        settings: Settings,
        environment: Mapping[str, str],
        command: Sequence[str] = (sys.executable, "-P", "-m", "runtime"),
    ) -> None:
        """As ``batch.duty.BatchJobs``. Raises SettingsError for a schedule that is none."""
        self._settings = settings
        self._cron = Cron(settings.archive.schedule, settings.batch.time_zone, setting="archive.schedule")
        self._environment = dict(environment)
        self._command = tuple(command)
        self._started = False

    def next_after(self, at: datetime) -> datetime:
        return self._cron.next_after(at)

    def do(self, at: datetime, stop: threading.Event) -> None:
        """Raises DependencyError where it fails; its next time is another. Where there has never been an
        archive, none was missed."""
        at_start, self._started = not self._started, True
        due = self._cron.last_before(at)
        made = [manifest.created_at for manifest in archives(self._settings) if manifest.whole]
        if max(made) >= due if made else at_start:
            return
        answer_of([*self._command, "lakehouse", "archive"], self._environment, stop, SECONDS)


def archiving(settings: Settings, environment: Mapping[str, str]) -> list[Archiving]:
    """The duty, where there is a schedule."""
    return [Archiving(settings, environment)] if settings.archive.schedule else []
