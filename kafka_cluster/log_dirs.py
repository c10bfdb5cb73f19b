"""How much disk the topics take, and how much the brokers have: asked of the brokers themselves.

The request (DescribeLogDirs, KIP-827) is none that either client library offers.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import ClusterAuthorizationFailedError, KafkaError
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)
from msgspec import Struct

from contracts.errors import DependencyError
from contracts.settings import Settings
from kafka_cluster.security import aiokafka_options


class DiskUse(Struct, frozen=True, kw_only=True):
    """Sums over all brokers and their log folders, bytes."""

    topics: dict[str, int]
    """Size by topic, all replicas, Kafka's own topics included."""
    free: int | None
    """What the fullest volume has left; None where the broker does not say (before Kafka 3.3)."""


class _Response(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 35
    API_VERSION = 4
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        (
            "log_dirs",
            CompactArray(
                ("error_code", Int16),
                ("log_dir", CompactString("utf-8")),
                (
                    "topics",
                    CompactArray(
                        ("name", CompactString("utf-8")),
                        (
                            "partitions",
                            CompactArray(
                                ("partition_index", Int32),
                                ("partition_size", Int64),
                                ("offset_lag", Int64),
                                ("is_future_key", Boolean),
                                ("tags", TaggedFields),
                            ),
                        ),
                        ("tags", TaggedFields),
                    ),
                ),
                ("total_bytes", Int64),
                ("usable_bytes", Int64),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _RequestV4(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 35
    API_VERSION = 4
    RESPONSE_TYPE = _Response
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(
                ("topic", CompactString("utf-8")), ("partitions", CompactArray(Int32)), ("tags", TaggedFields)
            ),
        ),
        ("tags", TaggedFields),
    )


class _DescribeLogDirs(Request[_RequestV4]):  # type: ignore[misc]
    API_KEY = 35

    def build(self, request_struct_class: type[_RequestV4]) -> _RequestV4:
        return request_struct_class(None, {})  # None: every topic


def disk_use(settings: Settings, timeout: float = 10.0) -> DiskUse | None:
    """Sizes of the topics and the room that is left; None where we have no right to know (ACL Describe on the
    cluster). Raises DependencyError where a broker does not answer within ``timeout`` seconds."""
    try:
        answers = asyncio.run(asyncio.wait_for(_ask(settings), timeout))
    except (KafkaError, OSError, NotImplementedError) as error:  # a TimeoutError is an OSError
        raise DependencyError(
            f"disk use at {settings.bootstrap_servers}: {error or 'no answer in time'}"
        ) from error
    topics: dict[str, int] = {}
    free: list[int] = []
    told = [answer.to_object() for answer in answers]
    if any(answer["error_code"] == ClusterAuthorizationFailedError.errno for answer in told):
        return None
    for answer in told:
        for folder in answer["log_dirs"]:
            if folder["usable_bytes"] >= 0:
                free.append(folder["usable_bytes"])
            for topic in folder["topics"]:
                size = sum(partition["partition_size"] for partition in topic["partitions"])
                topics[topic["name"]] = topics.get(topic["name"], 0) + size
    return DiskUse(topics=topics, free=min(free, default=None))


async def _ask(settings: Settings) -> list[Any]:
    client = AIOKafkaClient(**aiokafka_options(settings), client_id="dp-disk-use")
    await client.bootstrap()
    try:
        nodes = [broker.nodeId for broker in client.cluster.brokers()]
        return await asyncio.gather(*(client.send(node, _DescribeLogDirs()) for node in nodes))
    finally:
        await client.close()
