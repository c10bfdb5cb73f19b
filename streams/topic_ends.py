"""Where the source topics end: asked of the broker, as the worker does not consume them.

Faust's consumer would answer too, but only after it has refreshed its metadata, which took nine seconds.
"""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]  # re-exported without saying so

from contracts.errors import DependencyError
from contracts.settings import Settings
from kafka_cluster.topics import REQUEST_SECONDS, admin
from streams.flusher import Key


def source_ends(settings: Settings, topics: Mapping[Key, str]) -> dict[Key, int]:
    """End offset of each key's partition of its source topic. Raises DependencyError where the broker does
    not answer."""
    if not topics:
        return {}
    client = admin(settings)  # must live until the last future is done
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    asked = {TopicPartition(topic, key[1]): latest for key, topic in topics.items()}
    answers = client.list_offsets(asked, request_timeout=REQUEST_SECONDS)
    keys = {(topic, key[1]): key for key, topic in topics.items()}
    ends = {}
    for partition, future in answers.items():
        try:
            ends[keys[partition.topic, partition.partition]] = int(future.result().offset)
        except KafkaException as error:
            raise DependencyError(f"end of {partition.topic}: {error.args[0].str()}") from error
    return ends
