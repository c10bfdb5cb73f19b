"""`GET /health` and `GET /health/report`: the judgement of `lakehouse.health`, as the API tells it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct

from contracts.settings import Settings
from lakehouse.alerts.rules import Status as PartStatus
from lakehouse.catalog import Freshness
from lakehouse.datasets import Dataset
from lakehouse.health.examination import Examination, worst
from lakehouse.health.memory import read_memory
from lakehouse.health.report import Disk, Report, ServiceHealth
from lakehouse.reading.stream_snapshots import AllSnapshots

Status = Literal["healthy", "degraded", "failed"]
WORDS: dict[PartStatus, Status] = {"ok": "healthy", "degraded": "degraded", "failing": "failed"}


class TableHealth(Struct, kw_only=True):
    """How fresh a table is."""

    freshness: Freshness
    newest_event: datetime | None
    lag_seconds: float | None
    version: int | None
    status: PartStatus


class Component(Struct, kw_only=True):
    """A part of the platform: the worst of what it consists of."""

    status: PartStatus
    reasons: list[str]


class Health(Struct, kw_only=True):
    """`GET /health`."""

    status: Status
    at: datetime
    live: bool
    """Whether the API answers."""
    ready: bool
    """Whether the platform does what it is for; the answer is 503 where it does not."""
    reasons: list[str]
    """Why it is not healthy, one sentence each."""
    components: dict[str, Component]
    services: list[ServiceHealth]
    tables: dict[str, TableHealth]
    disk: Disk | None


class HealthWord(Struct, kw_only=True):
    """What `GET /health` says to somebody without a key."""

    status: Status


class Doctor:
    """Makes reports for the API: from files, and from what the monitor remembers. Asks no service. Safe for
    several threads."""

    def __init__(self, settings: Settings, snapshots: AllSnapshots, datasets: Mapping[str, Dataset]) -> None:
        self._settings = settings
        self._examination = Examination(settings, snapshots, datasets)
        self._lock = threading.Lock()

    def report(self) -> Report:
        """The platform now."""
        with self._lock:
            return self._examination.report(read_memory(self._settings))

    def health(self) -> Health:
        return _told(self.report())


def _told(report: Report) -> Health:
    return Health(
        status=WORDS[report.status],
        at=report.at,
        live=True,
        ready=report.ready,
        reasons=report.reasons,
        components=_components(report),
        services=report.services,
        tables={
            table.name: TableHealth(
                freshness=table.freshness,
                newest_event=table.newest_event,
                lag_seconds=table.lag_seconds,
                version=table.version,
                status=table.status,
            )
            for table in report.tables
        },
        disk=report.disk,
    )


_PARTS = {
    "services": ("service_down", "service_degraded"),
    "tables": ("table_stale", "table_unreadable", "quality_low"),
    "streams": ("lag_high", "flush_stuck", "holes", "dead_letters"),
    "disk": ("disk_low", "disk_full"),
    "batch_jobs": ("job_failed", "job_missed"),
    "monitor": ("monitor_blind",),
}
"""Rules by the part of the platform that they are about."""


def _components(report: Report) -> dict[str, Component]:
    found = {}
    for name, rules in _PARTS.items():
        own = [one for one in report.findings if one.rule in rules]
        found[name] = Component(status=worst(one.status for one in own), reasons=[one.says for one in own])
    return found
