"""The health monitor: a duty of the scheduler. Each minute it examines the platform, leaves a sample, and
hands its findings to the alerts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

from contracts.errors import DependencyError
from contracts.heartbeat import read_heartbeats
from contracts.platform import METRICS
from contracts.settings import Settings
from lakehouse.alerts.rules import Finding
from lakehouse.health import dead_letters, storage
from lakehouse.health.examination import Clock, Examination, utc_now
from lakehouse.health.memory import Memory, read_memory, write_memory
from lakehouse.health.report import Report
from lakehouse.health.samples import sample
from lakehouse.medallion import platform_landing

log = logging.getLogger(__name__)

FORGETS_SECONDS = 600.0
"""A monitor that has been away for so long does not know what went on meanwhile."""


class Hears(Protocol):
    """Who is told of every report's findings: the alerts."""

    def hear(self, at: datetime, findings: Sequence[Finding], undecided: Sequence[str]) -> None: ...


class Monitor:
    """One failure, of a part, of the disk or of the alerts, does not keep the rest from being done: it is
    logged, counted, and raised at the end."""

    name = "health"

    def __init__(
        self, settings: Settings, examination: Examination, alerts: Hears, *, now: Clock = utc_now
    ) -> None:
        self._settings = settings
        self._examination = examination
        self._alerts = alerts
        self._now = now
        self._memory: Memory | None = None
        self.latest: Report | None = None
        """The newest report; for the heartbeat."""

    def next_after(self, at: datetime) -> datetime:
        """At whole multiples of the sample's time, so that samples of a minute have its time."""
        every = self._settings.health.sample_seconds
        return datetime.fromtimestamp((at.timestamp() // every + 1) * every, UTC)

    def do(self, at: datetime, stop: threading.Event) -> None:
        """One sample. Raises DependencyError where something of it failed."""
        now = self._now().timestamp()
        failed: list[str] = []
        memory = self._memory = self._memory or read_memory(self._settings)
        if memory.at and now - memory.at > FORGETS_SECONDS:
            memory.behind.clear()
            memory.at = now - self._settings.health.sample_seconds
        with self._survived("counting files", failed):
            if storage.walk_is_due(self._settings, memory, now):
                memory.walked, memory.walk_seconds = storage.walk(self._settings, self._now())
                memory.walked_at = now
        counts: tuple[dict[str, int], dict[str, int]] | None = None
        with self._survived("dead letters", failed):
            counts = self._refused(memory, now)
        report = self._examination.report(memory)
        if counts is not None:  # a sample without them would have all counted again by the next one
            with self._survived("the sample", failed):
                platform_landing.append(self._settings, METRICS.name, sample(report, *counts))
        with self._survived("the alerts", failed):
            self._alerts.hear(at, report.findings, report.undecided)
        with self._survived("the memory", failed):
            _remember(memory, report, now)
            memory.failures += len(failed)
            write_memory(self._settings, memory)
        self.latest = report
        if failed:
            raise DependencyError("; ".join(failed))

    def _refused(self, memory: Memory, now: float) -> tuple[dict[str, int], dict[str, int]]:
        """Dead letters by series up to the sample before, and up to this one; sets the rates."""
        taken = dead_letters.taken(self._settings)
        before = taken or {}
        counts = dead_letters.merged(before, dead_letters.told(read_heartbeats(self._settings).values()))
        memory.refused_per_minute = {}
        if taken is not None and memory.at and now > memory.at:
            since = dead_letters.by_source(counts)
            since.subtract(dead_letters.by_source(before))
            minutes = (now - memory.at) / 60
            memory.refused_per_minute = {source: round(n / minutes, 2) for source, n in since.items()}
        return before, counts

    @contextmanager
    def _survived(self, what: str, failed: list[str]) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            log.exception("health monitor: %s failed", what)
            failed.append(f"{what}: {(str(error) or type(error).__name__).splitlines()[0]}")


def _remember(memory: Memory, report: Report, now: float) -> None:
    memory.saw_size(now, sum(place.bytes for place in report.storage.places))
    memory.saw_restarts(now, {s.name: s.restarts for s in report.services if s.restarts is not None})
    for table in report.tables:
        if table.version is not None:
            memory.tables[table.name] = table.version
        if table.behind_seconds:
            memory.behind.setdefault(table.name, memory.at or now)
        else:
            memory.behind.pop(table.name, None)
    memory.at = now
