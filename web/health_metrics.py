"""Health and alerts for Prometheus, by the same judgement as everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from contracts.errors import PlatformError
from contracts.settings import Settings
from lakehouse.alerts.listing import alert_list
from lakehouse.health.report import Report, TableReport
from lakehouse.health.samples import NUMBERS
from web.health import Doctor

_Values = Iterable[tuple[list[str], float | None]]


class HealthCollector(Collector):
    """Makes a report when Prometheus asks."""

    def __init__(self, settings: Settings, doctor: Doctor) -> None:
        self._settings = settings
        self._doctor = doctor

    def describe(self) -> Iterator[Metric]:
        """Empty, so that registering makes no report."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        report = self._doctor.report()
        yield _gauge("dp_health_ready", "Whether the platform does what it is for.", [], [([], report.ready)])
        yield _gauge(
            "dp_health_status",
            "0 ok, 1 degraded, 2 failing.",
            ["kind", "name"],
            (([kind, name], value) for kind, name, value in _statuses(report)),
        )
        yield from _storage(report)
        yield from _flows(report)
        yield from _tables(report)
        yield _gauge(
            "dp_table_behind_seconds",
            "Behind what it is built from.",
            ["table"],
            (([table.name], table.behind_seconds) for table in report.tables),
        )
        yield _gauge(
            "dp_table_quality_score",
            "Share of rules that held at the newest check.",
            ["table"],
            (([table.name], table.quality_score) for table in report.tables),
        )
        yield _gauge(
            "dp_finding",
            "1 for each rule that does not hold for a subject now; an alert is one that lasts.",
            ["rule", "subject", "status"],
            (([one.rule, one.subject, one.status], 1.0) for one in report.findings),
        )
        yield from self._alerts()

    def _alerts(self) -> Iterator[Metric]:
        try:
            found = alert_list(self._settings, datetime.now(UTC))
        except PlatformError:
            return
        yield _gauge(
            "dp_alert",
            "1 for each alert that is pending or firing.",
            ["rule", "subject", "severity", "state"],
            (([a.rule, a.subject, a.severity, a.state], 1.0) for a in found.alerts),
        )
        yield _gauge("dp_alert_silences", "Silences that hold.", [], [([], len(found.silences))])
        yield _gauge("dp_alert_undelivered", "Notices that wait.", [], [([], found.undelivered)])
        at = found.at.timestamp() if found.at else None
        yield _gauge("dp_monitor_last_sample_timestamp", "When the monitor last looked.", [], [([], at)])


def _statuses(report: Report) -> Iterator[tuple[str, str, float]]:
    yield "platform", "platform", NUMBERS[report.status]
    for layer in report.layers:
        yield "layer", layer.name, NUMBERS[layer.status]
    for table in report.tables:
        yield "table", table.name, NUMBERS[table.status]
    for service in report.services:
        yield "service", service.name, NUMBERS[service.status]
    for group in report.groups:
        yield "group", group.group, NUMBERS[group.status]
    for source in report.sources:
        yield "source", source.name, NUMBERS[source.status]
    for job in report.jobs:
        yield "job", job.name, NUMBERS[job.status]


def _tables(report: Report) -> Iterator[Metric]:
    """Size and freshness of every table."""
    figures: tuple[tuple[str, str, Callable[[TableReport], float | None]], ...] = (
        ("rows", "Rows; absent: not counted.", lambda t: t.rows),
        ("bytes", "Size of its newest version.", lambda t: t.bytes),
        ("files", "Files of its newest version.", lambda t: t.files),
        ("version", "Newest Delta version.", lambda t: t.version),
        ("lag_seconds", "Age of its newest event.", lambda t: t.lag_seconds),
        ("readable", "0: its log or files are damaged.", lambda t: not t.problem),
        ("freshness_target_seconds", "What the age should be below.", lambda t: t.freshness_target_seconds),
    )
    for metric, text, of in figures:
        values = (([table.name, table.layer], of(table)) for table in report.tables)
        yield _gauge(f"dp_table_{metric}", text, ["table", "layer"], values)


def _storage(report: Report) -> Iterator[Metric]:
    for metric, text in (
        ("bytes", "Size of the newest versions, or of all files."),
        ("files", "Files."),
        ("small_files", "Files below health.small_file_mb."),
    ):
        values = (([place.name], float(getattr(place, metric))) for place in report.storage.places)
        yield _gauge(f"dp_storage_{metric}", text, ["place"], values)
    kept, disk = report.storage, report.disk
    yield _gauge("dp_disk_free_bytes", "Of the data root.", [], [([], disk.free if disk else None)])
    yield _gauge("dp_disk_total_bytes", "Of the data root.", [], [([], disk.total if disk else None)])
    yield _gauge("dp_storage_growth_bytes_per_day", "Of the last day.", [], [([], kept.growth_bytes_per_day)])
    yield _gauge("dp_disk_days_until_full", "Absent: never, or not known.", [], [([], kept.days_until_full)])


def _flows(report: Report) -> Iterator[Metric]:
    worker = ["worker"]
    for metric, text in (
        ("flush_seconds", "How long the last flush took."),
        ("flush_age_seconds", "Since the last commit."),
        ("batch_events", "Events a landing file."),
        ("late", "Late events since the partitions were loaded."),
    ):
        values = (([one.service], getattr(one, metric)) for one in report.workers)
        yield _gauge(f"dp_worker_{metric}", text, worker, values)
    refused = CounterMetricFamily("dp_dead_letters", "Refused records, each once.", labels=["source"])
    for source in report.sources:
        refused.add_metric([source.name], source.dead_letters)
    yield refused
    yield _gauge(
        "dp_job_succeeded",
        "Whether the newest run of a batch job did.",
        ["job"],
        (([j.name], None if j.run_status is None else j.run_status == "succeeded") for j in report.jobs),
    )


def _gauge(name: str, text: str, labels: list[str], values: _Values) -> GaugeMetricFamily:
    """What has no value is left out."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for given, value in values:
        if value is not None:
            family.add_metric(given, float(value))
    return family
