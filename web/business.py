"""Figures of the business for Prometheus: the newest rows of the gold tables, by SQL, each declared once.

They are asked for through the same sandbox as everybody's queries, whose answers are kept until a table
changes: a scrape costs a run where gold has moved on, and a look otherwise.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from contracts.errors import PlatformError
from web.queries import Queries, Result

log = logging.getLogger(__name__)

PREFIX = "dp_business_"


class Figures(Struct, frozen=True, kw_only=True):
    """Some figures from one query: a row for each combination of labels, a column for each gauge."""

    sql: str
    labels: tuple[str, ...] = ()
    """Columns that tell the rows apart."""
    gauges: Mapping[str, str]
    """Columns with a figure, and what each is. One that is NULL is left out."""


FIGURES = (
    Figures(
        sql="""
        SELECT event_type, app_type, sum(total_events) AS day_events, sum(total_event_value) AS day_value
        FROM event_metrics_gold
        WHERE metric_date = (SELECT max(metric_date) FROM event_metrics_gold)
        GROUP BY event_type, app_type
        """,
        labels=("event_type", "app_type"),
        gauges={
            "day_events": "Events of the newest UTC day so far.",
            "day_value": "Their values together.",
        },
    ),
    Figures(
        sql="""
        SELECT total_events AS hour_events, error_rate AS hour_error_rate, late_events AS hour_late_events,
            p95_response_time_ms AS hour_p95_response_ms
        FROM hourly_metrics_gold
        WHERE total_events > 0
        ORDER BY metric_date DESC, metric_hour DESC
        LIMIT 1
        """,
        gauges={
            "hour_events": "Events of the newest hour so far.",
            "hour_error_rate": "Share of errors among them.",
            "hour_late_events": "Late ones among them.",
            "hour_p95_response_ms": "95 of 100 were answered within, milliseconds.",
        },
    ),
    Figures(
        sql="""
        SELECT total_users AS day_users, new_users AS day_new_users, total_sessions AS day_sessions,
            bounce_rate AS day_bounce_rate, avg_session_duration_seconds AS day_session_seconds
        FROM daily_summary_gold
        ORDER BY summary_date DESC
        LIMIT 1
        """,
        gauges={
            "day_users": "Users of the newest day so far.",
            "day_new_users": "Those who were never seen before.",
            "day_sessions": "Sessions.",
            "day_bounce_rate": "Share of sessions with one event.",
            "day_session_seconds": "Mean length of a session.",
        },
    ),
    Figures(
        # Each of the newest day of which it is known: that is another day for each.
        sql="""
        SELECT
            max_by(retention_d1, summary_date) FILTER (WHERE retention_d1 IS NOT NULL) AS retention_d1,
            max_by(retention_d7, summary_date) FILTER (WHERE retention_d7 IS NOT NULL) AS retention_d7
        FROM daily_summary_gold
        """,
        gauges={
            "retention_d1": "Share of users seen again a day later, of the newest day of which it is known.",
            "retention_d7": "The same seven days later.",
        },
    ),
    Figures(
        sql="SELECT segment, count(*) AS users FROM user_segments_gold GROUP BY segment",
        labels=("segment",),
        gauges={"users": "Users by segment."},
    ),
)


async def business_text(queries: Queries) -> bytes:
    """All figures in Prometheus' text format. What cannot be read now is logged and left out."""
    answers = await asyncio.gather(*(_asked(queries, figures) for figures in FIGURES))
    registry = CollectorRegistry()
    registry.register(_Read([metric for metrics in answers for metric in metrics]))
    return generate_latest(registry)


async def _asked(queries: Queries, figures: Figures) -> list[Metric]:
    try:
        return list(_metrics(figures, await queries.query(figures.sql)))
    except PlatformError as error:
        log.warning("figures of the business are left out: %s", error, extra={"gauges": list(figures.gauges)})
        return []


def _metrics(figures: Figures, result: Result) -> Iterable[Metric]:
    names = [column.name for column in result.columns]
    rows: list[dict[str, Any]] = [
        dict(zip(names, row, strict=True)) for row in msgspec.json.decode(result.rows, type=list[list[Any]])
    ]
    for gauge, text in figures.gauges.items():
        family = GaugeMetricFamily(PREFIX + gauge, text, labels=figures.labels)
        for row in rows:
            if row[gauge] is not None:
                family.add_metric([str(row[label]) for label in figures.labels], float(row[gauge]))
        yield family


class _Read(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics
