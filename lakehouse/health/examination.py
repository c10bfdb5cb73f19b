"""The judgement: looks at every part of the platform and says how it is, in one report.

A part that cannot be looked at is said to be so, and what is decided there stays open: silence is neither
health nor sickness.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from contracts.errors import DependencyError
from contracts.heartbeat import read_heartbeats
from contracts.platform import RESULTS, RUNS
from contracts.settings import Settings
from lakehouse.alerts.rules import RULES, Finding, Status, finding
from lakehouse.catalog import TABLES
from lakehouse.datasets import Dataset
from lakehouse.health import dead_letters, flows, jobs
from lakehouse.health import storage as disks
from lakehouse.health.jobs import LastTime
from lakehouse.health.memory import Memory
from lakehouse.health.report import Disk, LayerHealth, Report, TableReport
from lakehouse.health.services import (
    Copy,
    SeenCluster,
    running_copy,
    service_findings,
    services,
)
from lakehouse.health.tables import TableLook, stale, watermarks
from lakehouse.jobs.history import Run
from lakehouse.quality.results import Results
from lakehouse.reading.platform_rows import Followed
from lakehouse.reading.stream_snapshots import AllSnapshots

log = logging.getLogger(__name__)

_RANKS: dict[Status, int] = {"ok": 0, "degraded": 1, "failing": 2}

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


class Examination:
    """Reads files; asks the broker by ``cluster`` alone, where no supervisor tells. For one thread."""

    def __init__(
        self,
        settings: Settings,
        snapshots: AllSnapshots | None = None,
        datasets: Mapping[str, Dataset] = TABLES,
        *,
        now: Clock = utc_now,
        disk: disks.DiskUsage = disks.disk_usage,
        cluster: Callable[[], SeenCluster | None] = lambda: None,
        last_time: LastTime | None = None,
        since: datetime | None = None,
    ) -> None:
        """``since``: when the platform was started, where no supervisor knows."""
        self._settings = settings
        self._datasets = datasets
        self._snapshots = AllSnapshots(settings, datasets) if snapshots is None else snapshots
        self._look = TableLook(settings, self._snapshots, datasets)
        self._now = now
        self._disk = disk
        self._cluster = cluster
        self._last_time = last_time
        self._since = since
        self._runs: Followed[dict[str, Run]] | None = None
        self._quality = Results(settings, self._snapshots) if RESULTS.table in datasets else None
        if RUNS.table in datasets:
            self._runs = Followed(settings, RUNS, self._snapshots, jobs.newest_runs, dates=jobs.DATES)

    def report(self, memory: Memory) -> Report:
        """The platform now; ``memory`` is the monitor's and stays as it is."""
        now = self._now()
        seconds = now.timestamp()
        report = Report(at=now)
        copy = running_copy(self._settings, seconds)
        undecided = self._open(copy, now)
        beats = read_heartbeats(self._settings)
        with self._part(report, undecided, "services", "service_down", "service_degraded"):
            report.services = services(copy, beats, seconds)
            for service in report.services:
                report.findings += service_findings(service, memory, seconds)
        with self._part(report, undecided, "tables", "table_unreadable", "table_stale", "quality_low"):
            checks = self._quality.newest() if self._quality else {}
            report.tables, unreadable = self._look.read(checks, memory, now)
            seen = watermarks(beats, seconds)
            report.findings += unreadable
            report.findings += stale(self._settings, self._datasets, report.tables, seen, memory, now)
            report.findings += _low_scores(self._settings, report.tables)
        with self._part(report, undecided, "disk", "disk_full", "disk_low"):
            report.disk = self._free()
            report.storage = disks.storage(self._settings, report.tables, memory, report.disk)
            report.findings += disks.disk_findings(self._settings, report.disk, report.storage, memory)
        with self._part(report, undecided, "streams", "lag_high", "flush_stuck", "holes"):
            cluster = copy.cluster if copy is not None and copy.cluster is not None else self._cluster()
            report.groups = flows.groups(cluster, beats, seconds)
            report.workers = flows.workers(beats, seconds)
            report.findings += flows.flow_findings(
                self._settings, report.groups, report.workers, beats, seconds
            )
        with self._part(report, undecided, "dead letters", "dead_letters"):
            refused = dead_letters.merged(
                dead_letters.taken(self._settings) or {}, dead_letters.told(beats.values())
            )
            report.sources = flows.sources(refused, memory)
            report.findings += flows.dead_letter_findings(self._settings, report.sources)
        with self._part(report, undecided, "batch jobs", "job_failed", "job_missed"):
            runs = self._runs.get() if self._runs else {}
            report.jobs = jobs.jobs(runs)
            report.findings += jobs.failed(runs)
            if self._last_time is not None:
                report.findings += jobs.missed(self._settings, now, self._last_time)
        report.undecided = sorted(undecided)
        _conclude(report)
        return report

    def _open(self, copy: Copy | None, now: datetime) -> set[str]:
        """Rules that nothing is said of: all while the platform is stopped on purpose, some at its start."""
        if copy is not None and copy.is_ending:
            return set(RULES)
        started = copy.started if copy is not None else self._since.timestamp() if self._since else 0.0
        settled = now.timestamp() - started >= self._settings.health.start_seconds
        return set() if settled else {rule.name for rule in RULES.values() if rule.settles}

    def _free(self) -> Disk | None:
        try:
            self._snapshots.check_root(had_it=True)  # another folder in its place is none
            return self._disk(self._settings.data_root)
        except (OSError, DependencyError):
            return None

    @contextmanager
    def _part(self, report: Report, undecided: set[str], name: str, *rules: str) -> Iterator[None]:
        """A part that fails leaves its rules open, and is a finding itself."""
        try:
            yield
        except Exception as error:
            log.exception("health cannot look at a part", extra={"part": name})
            undecided.update(rules)
            reason = (str(error) or type(error).__name__).splitlines()[0]
            report.findings.append(finding("monitor_blind", name, f"health cannot see the {name}: {reason}"))


def _low_scores(settings: Settings, tables: Sequence[TableReport]) -> Iterator[Finding]:
    limit = settings.health.quality_score
    for table in tables:
        if table.quality_score is not None and table.quality_score < limit:
            says = f"{table.name} has a quality score of {table.quality_score:.2f}; the limit is {limit:.2f}"
            yield finding("quality_low", table.name, says)


def _conclude(report: Report) -> None:
    """Gives every finding to what it is about, and the whole its status."""
    report.findings = [found for found in report.findings if found.rule not in report.undecided]
    report.findings.sort(key=lambda found: (-_RANKS[found.status], found.rule, found.subject))
    for service in report.services:
        service.status, service.reasons = _of(service.name, report.findings)
    for table in report.tables:
        table.status, table.reasons = _of(table.name, report.findings)
    for source in report.sources:
        source.status, source.reasons = _of(source.name, report.findings)
    for job in report.jobs:
        job.status, job.reasons = _of(job.name, report.findings)
    for group in report.groups:
        group.status, group.reasons = _of(group.group, report.findings)
    report.layers = [_layer(layer, report.tables) for layer in dict.fromkeys(t.layer for t in report.tables)]
    report.reasons = [found.says for found in report.findings]
    report.status = worst(found.status for found in report.findings)
    report.ready = report.status != "failing"


def worst(statuses: Iterable[Status]) -> Status:
    """`ok` where there are none."""
    return max(statuses, key=_RANKS.__getitem__, default="ok")


def _of(name: str, findings: Sequence[Finding]) -> tuple[Status, list[str]]:
    own = [found for found in findings if found.subject == name]
    return worst(found.status for found in own), [found.says for found in own]


def _layer(layer: str, tables: Sequence[TableReport]) -> LayerHealth:
    own = [table for table in tables if table.layer == layer]
    return LayerHealth(
        name=own[0].layer,
        status=worst(table.status for table in own),
        reasons=[reason for table in own for reason in table.reasons],
        tables=len(own),
    )
