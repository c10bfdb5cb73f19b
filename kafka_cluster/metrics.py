"""The cluster's state for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from kafka_cluster.cluster import ClusterManager


class ClusterCollector(Collector):
    """Asks the manager when Prometheus asks; one that is registered must not be asked at once."""

    def __init__(self, manager: ClusterManager) -> None:
        self._manager = manager

    def describe(self) -> Iterator[Metric]:
        """Empty, so that registering does not ask the broker."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        state = self._manager.state()
        up = GaugeMetricFamily("dp_kafka_up", "Whether the broker answers.")
        up.add_metric([], state.broker == "up")
        of_group = ["group"]
        running = GaugeMetricFamily(
            "dp_consumer_up", "Whether a process of the group is alive.", labels=of_group
        )
        rate = GaugeMetricFamily("dp_consumer_messages_per_second", "Records settled.", labels=of_group)
        size = GaugeMetricFamily("dp_consumer_bytes_per_second", "Bytes read.", labels=of_group)
        invalid = GaugeMetricFamily(
            "dp_consumer_invalid_per_second", "Dead letters by reason.", labels=["group", "kind"]
        )
        age = GaugeMetricFamily("dp_consumer_commit_age_seconds", "Since the last commit.", labels=of_group)
        lag = GaugeMetricFamily(
            "dp_consumer_lag", "Records not yet committed.", labels=["group", "topic", "partition"]
        )
        for consumer in state.consumers:
            group = [consumer.group]
            running.add_metric(group, consumer.state != "down")
            rate.add_metric(group, consumer.messages_per_second)
            size.add_metric(group, consumer.bytes_per_second)
            for kind, value in consumer.invalid_per_second.items():
                invalid.add_metric([consumer.group, kind], value)
            if consumer.commit_age_seconds is not None:
                age.add_metric(group, consumer.commit_age_seconds)
            for part in consumer.partitions:
                lag.add_metric([part.group, part.topic, str(part.partition)], part.lag)
        yield from (up, running, rate, size, invalid, age, lag)
        topics = GaugeMetricFamily("dp_topic_bytes", "Size on disk.", labels=["topic"])
        for topic in state.topics:
            topics.add_metric([topic.name], topic.bytes)
        yield topics
        if state.disk is not None:
            figures: tuple[tuple[str, str, float | None], ...] = (
                ("dp_kafka_disk_free_bytes", "Left on the fullest volume.", state.disk.free_bytes),
                (
                    "dp_kafka_disk_growth_bytes_per_day",
                    "At the present rate.",
                    state.disk.growth_bytes_per_day,
                ),
                ("dp_kafka_disk_days_left", "Until the disk is full; absent: never.", state.disk.days_left),
            )
            for name, text, figure in figures:
                if figure is not None:
                    family = GaugeMetricFamily(name, text)
                    family.add_metric([], figure)
                    yield family
