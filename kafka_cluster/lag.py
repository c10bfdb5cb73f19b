"""How far consumer groups are behind, from the broker's own offsets, so also for consumers that are down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]  # re-exported without saying so

from contracts.errors import DependencyError
from contracts.settings import Settings
from contracts.sources import SOURCES
from kafka_cluster.state import STREAMS_GROUP, PartitionLag
from kafka_cluster.topics import REQUEST_SECONDS, admin


def platform_groups() -> dict[str, list[str]]:
    """The topics of each consumer group of the platform."""
    groups = {source.consumer_group: [source.topic] for source in SOURCES}
    groups[STREAMS_GROUP] = [source.internal_topic for source in SOURCES]
    return groups


def consumer_lag(
    settings: Settings, groups: Mapping[str, Sequence[str]] | None = None, timeout: float = REQUEST_SECONDS
) -> list[PartitionLag]:
    """Lag of every group and partition, all of the platform's groups by default.

    Topics that do not exist are left out. Raises DependencyError where the broker does not answer within
    ``timeout`` seconds.
    """
    groups = platform_groups() if groups is None else groups
    client = admin(settings)
    try:
        topics = client.list_topics(timeout=timeout).topics
        places = {
            group: [
                (name, partition)
                for name in names
                if name in topics and topics[name].error is None
                for partition in sorted(topics[name].partitions)
            ]
            for group, names in groups.items()
        }
        wanted = sorted({place for many in places.values() for place in many})
        if not wanted:
            return []
        earliest = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        first = client.list_offsets(
            {TopicPartition(*place): earliest for place in wanted}, request_timeout=timeout
        )
        last = client.list_offsets(
            {TopicPartition(*place): latest for place in wanted}, request_timeout=timeout
        )
        committed = {
            group: client.list_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(group, [TopicPartition(*place) for place in many])],
                request_timeout=timeout,
            )[group]
            for group, many in places.items()
            if many
        }
        begins = {(tp.topic, tp.partition): future.result().offset for tp, future in first.items()}
        ends = {(tp.topic, tp.partition): future.result().offset for tp, future in last.items()}
        found = []
        for group, future in committed.items():
            for tp in future.result().topic_partitions:
                place = (tp.topic, tp.partition)
                offset = tp.offset if tp.offset >= 0 else None
                start = begins[place] if offset is None else offset
                found.append(
                    PartitionLag(
                        group=group,
                        topic=tp.topic,
                        partition=tp.partition,
                        committed=offset,
                        end=ends[place],
                        lag=max(ends[place] - start, 0),
                    )
                )
    except KafkaException as error:
        raise DependencyError(f"lag at {settings.bootstrap_servers}: {error.args[0].str()}") from error
    return sorted(found, key=lambda lag: (lag.group, lag.topic, lag.partition))
