"""What ingestion knows of itself, per source; read by the heartbeat and by Prometheus."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct, field
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from kafka_cluster.rates import Rates
from streams.ingestion.latency import Latency


class SourceStatus(Struct, kw_only=True):
    """Totals of one source since the start."""

    source: str
    events: int = 0
    """Valid events that the internal topic has acknowledged."""
    bytes: int = 0
    """Bytes of all source records read."""
    invalid: Counter[str] = field(default_factory=Counter)
    """Dead letters by kind."""
    refused: dict[str, int] = field(default_factory=dict)
    """Dead letters below the committed offset, by `<partition>/<series>`: see ``refusal_count``."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Records that are no events and no faults, by kind."""
    lost: int = 0
    """Source records that retention cut before they were read."""
    resent: int = 0
    """Source records sent again because workers had never got them."""
    committed_at: float = 0.0
    """When offsets were last committed, Unix seconds; 0: not yet."""
    lag: dict[int, int] = field(default_factory=dict)
    """Records not yet read, by partition assigned."""
    rates: Rates = field(default_factory=Rates)
    latency: Latency = field(default_factory=Latency)

    @property
    def read(self) -> int:
        """All records settled: valid, refused and skipped."""
        return self.events + self.invalid.total() + self.skipped.total()

    def details(self) -> dict[str, Any]:
        """For the heartbeat, once a second."""
        totals = {"messages": float(self.read), "bytes": float(self.bytes)}
        rates = self.rates.observe(totals | {f"invalid {kind}": n for kind, n in self.invalid.items()})
        return {
            "events": self.events,
            "bytes": self.bytes,
            "invalid": dict(self.invalid),
            "refused": dict(self.refused),
            "skipped": dict(self.skipped),
            "lost": self.lost,
            "resent": self.resent,
            "lag": sum(self.lag.values()),
            "lag_by_partition": {str(partition): lag for partition, lag in sorted(self.lag.items())},
            "committed_at": self.committed_at,
            "commit_age_seconds": self.commit_age(),
            "latency_ms": self.latency.quantiles(),
            "newest_at": self.latency.newest_at,
            "messages_per_second": rates["messages"],
            "bytes_per_second": rates["bytes"],
            "invalid_per_second": {kind: rates[f"invalid {kind}"] for kind in self.invalid},
        }

    def commit_age(self) -> float | None:
        return round(time.time() - self.committed_at, 3) if self.committed_at else None


class IngestionCollector(Collector):
    """Prometheus' view of the statuses, computed when it asks."""

    def __init__(self, statuses: Mapping[str, SourceStatus]) -> None:
        self._statuses = statuses

    def collect(self) -> Iterator[Metric]:
        events = CounterMetricFamily("dp_ingestion_events", "Valid events sent on.", labels=["source"])
        size = CounterMetricFamily("dp_ingestion_bytes", "Bytes of source records read.", labels=["source"])
        lost = CounterMetricFamily("dp_ingestion_lost", "Records cut by retention.", labels=["source"])
        invalid = CounterMetricFamily("dp_ingestion_invalid", "Dead letters.", labels=["source", "kind"])
        skipped = CounterMetricFamily("dp_ingestion_skipped", "No events.", labels=["source", "kind"])
        lag = GaugeMetricFamily("dp_ingestion_lag", "Records not yet read.", labels=["source", "partition"])
        age = GaugeMetricFamily("dp_ingestion_commit_age_seconds", "Since last commit.", labels=["source"])
        for name, status in self._statuses.items():
            events.add_metric([name], status.events)
            size.add_metric([name], status.bytes)
            lost.add_metric([name], status.lost)
            for kind, count in list(status.invalid.items()):
                invalid.add_metric([name, kind], count)
            for kind, count in list(status.skipped.items()):
                skipped.add_metric([name, kind], count)
            for partition, behind in list(status.lag.items()):
                lag.add_metric([name, str(partition)], behind)
            if (since := status.commit_age()) is not None:
                age.add_metric([name], since)
        yield from (events, size, lost, invalid, skipped, lag, age)
