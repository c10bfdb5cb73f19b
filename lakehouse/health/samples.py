"""A report as rows of `platform_metrics_silver`: minute × component × metric × value × status."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa

from contracts.platform import METRICS, PLATFORM_LANDING
from lakehouse.alerts.rules import Status
from lakehouse.health import dead_letters
from lakehouse.health.report import Report

WORDS: dict[Status, str] = {"ok": "healthy", "degraded": "degraded", "failing": "unhealthy"}
"""Statuses as the table has them."""
NUMBERS: dict[Status, int] = {"ok": 0, "degraded": 1, "failing": 2}

_Row = tuple[str, str, float | None, Status]


def sample(report: Report, before: Mapping[str, int], counts: Mapping[str, int]) -> pa.Table:
    """The rows of one sample. ``before`` and ``counts``: dead letters by series, up to which the sample
    before has gone and this one goes."""
    rows = [row for row in _rows(report, before, counts) if row[2] is not None]
    schema = PLATFORM_LANDING[METRICS.name]
    components, metrics, values, statuses = zip(*rows, strict=True)
    return pa.table(
        [
            pa.array([report.at] * len(rows), schema.field("sampled_at").type),
            components,
            metrics,
            pa.array(values, pa.float64()),
            [WORDS[status] for status in statuses],
        ],
        schema=schema,
    )


def _rows(report: Report, before: Mapping[str, int], counts: Mapping[str, int]) -> Iterator[_Row]:
    yield "platform", "status", NUMBERS[report.status], report.status
    yield "platform", "findings", len(report.findings), report.status
    for service in report.services:
        name = f"service/{service.name}"
        yield name, "events_per_second", service.events_per_second, service.status
        yield name, "memory_bytes", service.memory_bytes, service.status
        yield name, "status", NUMBERS[service.status], service.status
    for table in report.tables:
        for metric in ("behind_seconds", "lag_seconds", "bytes", "files", "small_files", "quality_score"):
            yield table.name, metric, getattr(table, metric), table.status
    for group in report.groups:
        yield group.group, "lag", group.lag, group.status
        yield group.group, "commit_age_seconds", group.commit_age_seconds, group.status
    for worker in report.workers:
        for metric in ("flush_seconds", "flush_age_seconds", "batch_events", "late"):
            yield f"service/{worker.service}", metric, getattr(worker, metric), "ok"
    for place in report.storage.places:
        for metric in ("bytes", "files", "small_files"):
            yield f"storage/{place.name}", metric, getattr(place, metric), "ok"
    yield "storage", "growth_bytes_per_day", report.storage.growth_bytes_per_day, "ok"
    yield "storage", "days_until_full", report.storage.days_until_full, "ok"
    if report.disk is not None:
        yield "storage", "disk_free_bytes", report.disk.free, "ok"
    yield from _dead_letters(report, before, counts)


def _dead_letters(report: Report, before: Mapping[str, int], counts: Mapping[str, int]) -> Iterator[_Row]:
    then, now = dead_letters.by_source(before), dead_letters.by_source(counts)
    for source in report.sources:
        yield source.name, dead_letters.SINCE, now[source.name] - then[source.name], source.status
    for series, count in counts.items():
        if count:
            yield dead_letters.component(series), dead_letters.TAKEN, count, "ok"
