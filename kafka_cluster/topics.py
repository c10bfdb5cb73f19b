"""Topics as declared in ``contracts.sources``: made, mended, and named by Kafka's own ids."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # re-exported without saying so
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)
from msgspec import Struct
from msgspec.structs import replace

from contracts.errors import DependencyError
from contracts.settings import Settings
from contracts.sources import SOURCES, TopicSpec, changelog_spec, topic_specs
from kafka_cluster import given_topics
from kafka_cluster.reachability import require_broker
from kafka_cluster.security import librdkafka_options

log = logging.getLogger(__name__)

REQUEST_SECONDS = 30.0
RETRY_SECONDS = 0.5
_TRANSIENT = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TIMED_OUT,
        KafkaError._TRANSPORT,
        KafkaError._RESOLVE,
        KafkaError._STATE,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NOT_CONTROLLER,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError.INVALID_REPLICATION_FACTOR,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.LEADER_NOT_AVAILABLE,
    }
)
"""Errors of a broker that is still starting. An invalid replication factor is among them: it is what a
broker answers before it has registered itself."""


class TopicChanges(Struct, frozen=True, kw_only=True):
    """What ``ensure_topics`` did; three lists of topic names, empty where all was as declared."""

    created: list[str]
    widened: list[str]
    """Partitions were added."""
    reconfigured: list[str]


def admin(settings: Settings) -> AdminClient:
    """An admin client of the cluster; it connects when it is first used."""
    return AdminClient(
        {
            **librdkafka_options(settings),
            "socket.timeout.ms": int(REQUEST_SECONDS * 1000),
            "log.connection.close": False,
            "log_level": 0,
        }
    )


def ensure_topics(settings: Settings, timeout: float = 60.0) -> TopicChanges:
    """Makes what is missing of the declared topics and mends what differs, as far as `kafka.topics` allows;
    running it again changes nothing.

    An internal topic gets at least as many partitions as its source topic has. Waits up to ``timeout``
    seconds for the broker. Safe to run in several processes at once.

    Raises DependencyError where the broker does not answer in time or refuses, or a topic is not as it has to
    be and may not be changed; SettingsError where a setting keeps the broker from answering.
    """
    deadline = time.monotonic() + timeout
    if settings.kafka.bootstrap:
        require_broker(settings, timeout)  # the clients below would try in vain until the end of their time
    client = admin(settings)
    specs = [*topic_specs(settings), changelog_spec(settings)]
    while True:
        try:
            patience = min(REQUEST_SECONDS, max(1.0, deadline - time.monotonic()))
            present = client.list_topics(timeout=patience).topics
            return _ensure(settings, client, specs, present)
        except KafkaException as error:
            code = error.args[0].code()
            if code not in _TRANSIENT or time.monotonic() >= deadline:
                raise DependencyError(
                    f"topics at {settings.bootstrap_servers}: {error.args[0].str()}; is the broker up "
                    "(dp status), and is kafka.replication at most the number of brokers?"
                ) from error
            log.debug("broker not ready: %s", error)
            time.sleep(RETRY_SECONDS)


def topic_ids(settings: Settings, names: Iterable[str] = ()) -> dict[str, str]:
    """Kafka's id of each topic (22 path-safe characters); of all declared topics by default.

    A topic that does not exist is left out. Raises DependencyError where the broker does not answer.
    """
    wanted = list(names) or [spec.name for spec in topic_specs(settings)]
    client = admin(settings)  # must live until the last future is done
    described = client.describe_topics(TopicCollection(wanted), request_timeout=REQUEST_SECONDS)
    ids = {}
    for name, future in described.items():
        try:
            ids[name] = _path_safe(str(future.result().topic_id))
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise DependencyError(
                    f"topic {name} at {settings.bootstrap_servers}: {error.args[0].str()}"
                ) from error
    return ids


def _path_safe(topic_id: str) -> str:
    """librdkafka prints ids in the plain base64 alphabet, with a slash; Kafka itself in the path-safe one."""
    return topic_id.replace("+", "-").replace("/", "_").rstrip("=")


def partition_count(settings: Settings, name: str, timeout: float = REQUEST_SECONDS) -> int:
    """How many partitions a topic has; 0 where it does not exist. Raises DependencyError."""
    client = admin(settings)
    try:
        topics = client.list_topics(timeout=timeout).topics
    except KafkaException as error:
        raise DependencyError(
            f"no broker at {settings.bootstrap_servers} ({error.args[0].str()}); is it up (dp status)?"
        ) from error
    return len(topics[name].partitions) if name in topics else 0


def _ensure(
    settings: Settings, client: AdminClient, specs: list[TopicSpec], topics: Mapping[str, Any]
) -> TopicChanges:
    present = {name: len(topic.partitions) for name, topic in topics.items()}
    specs = _as_wide_as_their_sources(specs, present)
    missing = [spec for spec in specs if spec.name not in present]
    if missing and settings.topic_rights == "check":
        given_topics.absent(settings, [spec.name for spec in missing])
    created = _create(settings, client, missing)
    known = [spec for spec in specs if spec.name not in created]
    if settings.topic_rights != "manage":
        given_topics.judge(settings, client, known, present, REQUEST_SECONDS)
        return TopicChanges(created=created, widened=[], reconfigured=[])
    narrow = [spec for spec in known if present.get(spec.name, 0) < spec.partitions]
    widened = _widen(settings, client, narrow)
    return TopicChanges(created=created, widened=widened, reconfigured=_configure(settings, client, known))


def _as_wide_as_their_sources(specs: list[TopicSpec], present: dict[str, int]) -> list[TopicSpec]:
    sources = {source.internal_topic: source.topic for source in SOURCES}
    return [
        replace(spec, partitions=max(spec.partitions, present.get(sources.get(spec.name, ""), 0)))
        for spec in specs
    ]


def _create(settings: Settings, client: AdminClient, specs: list[TopicSpec]) -> list[str]:
    if not specs:
        return []
    futures = client.create_topics(
        [
            NewTopic(spec.name, spec.partitions, replication_factor=spec.replication, config=spec.config)
            for spec in specs
        ],
        request_timeout=REQUEST_SECONDS,
    )
    created = []
    for name, future in futures.items():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                given_topics.refused(settings, "created", name, error)
        else:
            log.info("created topic %s", name)
            created.append(name)
    return created


def _widen(settings: Settings, client: AdminClient, specs: list[TopicSpec]) -> list[str]:
    if not specs:
        return []
    futures = client.create_partitions(
        [NewPartitions(spec.name, spec.partitions) for spec in specs], request_timeout=REQUEST_SECONDS
    )
    widened = []
    for name, future in futures.items():
        try:
            future.result()
        except KafkaException as error:
            # Somebody else has added them, or the topic was made by somebody else a moment ago.
            if error.args[0].code() != KafkaError.INVALID_PARTITIONS:
                given_topics.refused(settings, "widened", name, error)
        else:
            log.info("added partitions to topic %s", name)
            widened.append(name)
    return widened


def _configure(settings: Settings, client: AdminClient, specs: list[TopicSpec]) -> list[str]:
    if not specs:
        return []
    wanted = {spec.name: spec.config for spec in specs}
    described = client.describe_configs(
        [ConfigResource(ResourceType.TOPIC, name) for name in wanted], request_timeout=REQUEST_SECONDS
    )
    changes = []
    for resource, future in described.items():
        try:
            actual = future.result()
        except KafkaException as error:
            given_topics.refused(settings, "configured", resource.name, error)
        different = {
            key: value
            for key, value in wanted[resource.name].items()
            if key not in actual or actual[key].value != value
        }
        if different:
            changes.append(
                ConfigResource(
                    ResourceType.TOPIC,
                    resource.name,
                    incremental_configs=[
                        ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
                        for key, value in different.items()
                    ],
                )
            )
            log.info("topic %s: %s", resource.name, different)
    if changes:
        altered = client.incremental_alter_configs(changes, request_timeout=REQUEST_SECONDS)
        for resource, done in altered.items():
            try:
                done.result()
            except KafkaException as error:
                given_topics.refused(settings, "configured", resource.name, error)
    return sorted(change.name for change in changes)
