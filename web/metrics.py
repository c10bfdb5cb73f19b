"""The platform for Prometheus: services, tables, the API itself, and Kafka's consumers."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from contracts.heartbeat import FRESH_SECONDS, read_heartbeats
from contracts.settings import Settings
from kafka_cluster.cluster import ClusterManager
from kafka_cluster.metrics import ClusterCollector
from lakehouse.audit import Recorder
from web.health import Doctor
from web.health_metrics import HealthCollector
from web.live import Live
from web.queries import Queries


def registry(
    settings: Settings,
    queries: Queries,
    cluster: ClusterManager,
    live: Live,
    doctor: Doctor,
    audit: Recorder,
) -> CollectorRegistry:
    """Everything that `GET /metrics` tells, computed when it is asked for."""
    made = CollectorRegistry()
    for collector in (
        ServiceCollector(settings),
        ApiCollector(queries, live, audit),
        ClusterCollector(cluster),
        HealthCollector(settings, doctor),
    ):
        made.register(collector)
    return made


class _Collector(Collector):
    def describe(self) -> Iterator[Metric]:
        """Empty, so that registering asks nobody."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        raise NotImplementedError


class ServiceCollector(_Collector):
    """Every service by its heartbeat."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def collect(self) -> Iterator[Metric]:
        labels = ["service"]
        up = GaugeMetricFamily(
            "dp_service_up", "Whether it has spoken in the last 15 s, and well.", labels=labels
        )
        rate = GaugeMetricFamily("dp_service_events_per_second", "Events handled.", labels=labels)
        total = CounterMetricFamily("dp_service_events", "Events handled since its start.", labels=labels)
        age = GaugeMetricFamily("dp_service_heartbeat_age_seconds", "Since it last spoke.", labels=labels)
        now = time.time()
        for name, beat in sorted(read_heartbeats(self._settings).items()):
            fresh = now - beat.at <= FRESH_SECONDS
            up.add_metric([name], fresh and beat.state not in ("failed", "degraded"))
            rate.add_metric([name], beat.rate if fresh else 0.0)
            total.add_metric([name], beat.total)
            age.add_metric([name], max(now - beat.at, 0.0))
        yield from (up, rate, total, age)


class ApiCollector(_Collector):
    """The API's own queries."""

    def __init__(self, queries: Queries, live: Live, audit: Recorder) -> None:
        self._queries = queries
        self._live = live
        self._audit = audit

    def collect(self) -> Iterator[Metric]:
        executions = self._queries.executions
        answers = CounterMetricFamily("dp_api_queries", "Queries answered, by where from.", labels=["from"])
        answers.add_metric(["kept"], executions.hits)
        answers.add_metric(["run"], executions.misses)
        watchers = GaugeMetricFamily("dp_api_watchers", "Open streams of GET /events.")
        watchers.add_metric([], self._live.watchers)
        workers = GaugeMetricFamily("dp_api_sandbox_workers", "Processes that run queries.")
        workers.add_metric([], len(self._queries.sandbox.pids))
        kept = GaugeMetricFamily("dp_api_kept_bytes", "Answers kept.")
        kept.add_metric([], executions.kept_bytes)
        lost = CounterMetricFamily("dp_audit_lost_entries", "Entries that the audit log had no room for.")
        lost.add_metric([], self._audit.lost)
        yield from (answers, watchers, workers, kept, lost)
