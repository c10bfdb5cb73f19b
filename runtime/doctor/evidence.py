"""What several lines look at, found once and for all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar

from contracts.errors import DependencyError, PlatformError
from contracts.heartbeat import Heartbeat, read_heartbeats
from contracts.settings import Settings
from kafka_cluster.cluster import ClusterManager
from kafka_cluster.state import ClusterState
from lakehouse.alerts.rules import Finding as HealthFinding
from lakehouse.health.memory import read_memory
from lakehouse.health.report import Report
from lakehouse.quality.checking import checking
from lakehouse.quality.findings import Finding
from runtime.monitoring import examination
from runtime.services import services
from runtime.topology.state import Snapshot, read_snapshot, running_supervisor

T = TypeVar("T")
DAYS = 2
"""Rows of the newest UTC dates, so many, are checked against the rules."""


class Once(Generic[T]):
    """Finds something when it is first wanted, and gives the same to everybody: also what was raised."""

    def __init__(self, find: Callable[[], T]) -> None:
        self._find = find
        self._lock = threading.Lock()
        self._found: list[T] = []
        self._error: PlatformError | None = None

    def __call__(self) -> T:
        with self._lock:
            if self._error is not None:
                raise self._error
            if not self._found:
                try:
                    self._found.append(self._find())
                except PlatformError as error:
                    self._error = error
                    raise
            return self._found[0]


class Evidence:
    """The platform of these settings. Safe for several threads."""

    def __init__(
        self,
        settings: Settings,
        *,
        root: Path | None = None,
        api_url: str = "",
        days: int = DAYS,
        notify: bool = False,
    ) -> None:
        """``root``: of the checkout; None: the code was installed. ``api_url``: of the API, where it is not
        where the settings say. ``days``: newest UTC dates whose rows are checked; 0: all. ``notify``: whether
        notices of a test leave this machine."""
        self.settings = settings
        self.root = root
        self.api_url = api_url
        self.days = days
        self.notify = notify
        self.now = datetime.now(UTC)
        self.copy = _running_copy(settings)
        """What the supervisor says; None: none runs on this data root."""
        self.report = Once(self._report)
        self.cluster = Once(self._cluster)
        self.findings = Once(self._findings)

    @property
    def engine(self) -> str:
        """Of the copy that runs: `dp up --engine` stands in no settings file."""
        return (self.copy.engine if self.copy else "") or self.settings.lakehouse.engine

    @cached_property
    def services(self) -> frozenset[str]:
        """Names of those that should run on this machine."""
        if self.copy is not None:
            return frozenset(service.name for service in self.copy.services)
        return frozenset(service.name for service in services(self.settings))

    @property
    def beats(self) -> dict[str, Heartbeat]:
        """Newly read each time."""
        return read_heartbeats(self.settings)

    @property
    def since(self) -> date | None:
        """First UTC date whose rows are checked; None: all are."""
        return self.now.date() - timedelta(days=self.days - 1) if self.days else None

    def found_by(
        self, part: str, rules: Iterable[str], subjects: Iterable[str] | None = None
    ) -> list[HealthFinding]:
        """Health's findings of these rules, of these subjects (default: any); and that it cannot see the
        ``part`` of the report which they are of."""
        of_rules = set(rules)
        of = None if subjects is None else set(subjects)
        return [
            one
            for one in self.report().findings
            if (one.rule in of_rules and (of is None or one.subject in of))
            or (one.rule == "monitor_blind" and one.subject == part)
        ]

    def _report(self) -> Report:
        return examination(self.settings).report(read_memory(self.settings))

    def _cluster(self) -> ClusterState:
        """The supervisor's own look at it is a few seconds old; else the broker is asked."""
        if self.copy is not None and self.copy.cluster is not None:
            return self.copy.cluster
        return ClusterManager(self.settings).state()

    def _findings(self) -> list[Finding]:
        if not self.settings.data_root.is_dir():
            raise DependencyError(f"there is no data root {self.settings.data_root}")
        with checking(self.settings, from_=self.since) as run:
            for name in run.tables:
                run.of(name)
            return run.findings


def _running_copy(settings: Settings) -> Snapshot | None:
    supervisor, snapshot = running_supervisor(settings), read_snapshot(settings)
    if supervisor is None or snapshot is None or snapshot.pid != supervisor.pid:
        return None
    return snapshot
