"""What is said of consumers, up or down, and of the disk."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from contracts.heartbeat import Heartbeat
from contracts.settings import Kafka, Settings
from kafka_cluster import cluster, rates
from kafka_cluster.cluster import ClusterManager, budget, consumer_states
from kafka_cluster.log_dirs import DiskUse
from kafka_cluster.metrics import ClusterCollector
from kafka_cluster.rates import Rates
from kafka_cluster.state import STREAMS_GROUP, PartitionLag

NOW = 1_000_000.0
GIB = 1024**3


def ingestion(name: str, *, at: float = NOW, state: str = "running", **words: Any) -> Heartbeat:
    source = {"messages_per_second": 10.0, "bytes_per_second": 100.0, "committed_at": at - 2, **words}
    return Heartbeat(service=name, pid=1, at=at, state=state, details={"sources": {"app_events": source}})


def lag(group: str, partition: int, behind: int) -> PartitionLag:
    return PartitionLag(group=group, topic="t", partition=partition, committed=None, end=behind, lag=behind)


def test_processes_of_a_group_are_added_up_and_the_dead_do_not_count() -> None:
    beats = [
        ingestion("ingestion-a", invalid_per_second={"wrong_type": 0.5}),
        ingestion("ingestion-b", at=NOW - 5, state="degraded", invalid_per_second={"wrong_type": 1.0}),
        ingestion("ingestion-c", at=NOW - 60, state="running"),
    ]
    group = consumer_states(beats, [lag("app_events_consumer", n, 7 * n) for n in range(3)], NOW)[0]
    assert (group.group, group.state) == ("app_events_consumer", "degraded")
    assert group.processes == ["ingestion-a", "ingestion-b"]
    assert (group.messages_per_second, group.bytes_per_second) == (20.0, 200.0)
    assert group.invalid_per_second == {"wrong_type": 1.5}
    assert group.commit_age_seconds == 2.0
    assert group.lag == 21


def test_a_consumer_that_is_down_has_its_lag_its_last_commit_and_its_last_error() -> None:
    beat = ingestion("ingestion", at=NOW - 600, state="failed")
    beat.last_error, beat.last_error_at = "no broker", NOW - 600
    states = {s.group: s for s in consumer_states([beat], [lag("app_events_consumer", 0, 5)], NOW)}
    down = states["app_events_consumer"]
    assert (down.state, down.lag, down.messages_per_second) == ("down", 5, 0.0)
    assert (down.commit_age_seconds, down.last_error) == (602.0, "no broker")
    assert len(states) == 6 and states[STREAMS_GROUP].state == "down"
    assert states[STREAMS_GROUP].lag == 0


@pytest.mark.parametrize(
    ("used", "limit", "free", "growth", "days", "outlasts"),
    [
        (2 * GIB, 100 * GIB, 10 * GIB, 5.0 * GIB, 2.0, False),
        (2 * GIB, 10 * GIB, 10 * GIB, 5.0 * GIB, None, True),
        (2 * GIB, 100 * GIB, 10 * GIB, 0.0, None, False),
        (2 * GIB, 100 * GIB, 10 * GIB, None, None, False),
        (2 * GIB, 100 * GIB, None, 5.0 * GIB, None, None),
    ],
)
def test_the_disk_lasts_for_what_is_left_over_the_rate(
    used: int, limit: int, free: int | None, growth: float | None, days: float | None, outlasts: bool | None
) -> None:
    found = budget(DiskUse(topics={"t": used}, free=free), limit, growth)
    assert (found.days_left, found.outlasts_retention) == (days, outlasts)


def test_rates_are_of_the_last_half_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(rates.time, "monotonic", lambda: now)
    watched = Rates(30.0)
    assert watched.observe({"a": 100.0}) == {"a": 0.0}
    now = 10.0
    assert watched.observe({"a": 150.0, "b": 20.0}) == {"a": 5.0, "b": 2.0}
    now = 40.0
    assert watched.observe({"a": 150.0, "b": 20.0}) == {"a": 0.0, "b": 0.0}
    now = 50.0
    assert watched.observe({"a": 0.0, "b": 20.0})["a"] == 0.0, (
        "a total that began anew has no rate below zero"
    )


def test_a_broker_that_is_down_is_said_and_not_raised(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "ANSWER_SECONDS", 0.3)
    settings = Settings(kafka=Kafka(bootstrap="127.0.0.1:1"))
    monkeypatch.chdir(tmp_path)
    manager = ClusterManager(settings)
    state = manager.state()
    assert "127.0.0.1:1" in state.broker
    assert [consumer.lag for consumer in state.consumers] == [None] * 6
    registry = CollectorRegistry()
    registry.register(ClusterCollector(manager))
    text = generate_latest(registry).decode()
    assert "dp_kafka_up 0.0" in text
    assert 'dp_consumer_up{group="dp-streams"} 0.0' in text
