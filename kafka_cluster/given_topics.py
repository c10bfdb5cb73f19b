"""What has to hold of topics that somebody else looks after, and what is missing, by name."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import NoReturn

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # re-exported without saying so
    AdminClient,
    ConfigResource,
    ResourceType,
)

from contracts.errors import DependencyError, SettingsError
from contracts.settings import Settings
from contracts.sources import CHANGELOG_TOPIC, LARGEST_RECORD, SOURCES, TopicSpec

log = logging.getLogger(__name__)

UNAUTHORIZED = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED})
CLEANUP = "cleanup.policy"
_RIGHTS = {
    "created": "Describe and Create",
    "widened": "Alter",
    "configured": "DescribeConfigs and AlterConfigs",
}
_REFUSALS = frozenset(
    {KafkaError.INVALID_CONFIG, KafkaError.POLICY_VIOLATION, KafkaError.INVALID_REPLICATION_FACTOR}
)
"""Of a broker that has other limits. One of ours that is still starting answers so too, and is waited for."""
_INTERNAL = frozenset(source.internal_topic for source in SOURCES)


def who(settings: Settings) -> str:
    """The user that the broker knows us by, as far as the settings tell."""
    if settings.kafka.sasl_username:
        return f"user {settings.kafka.sasl_username!r}"
    return "the client's certificate" if settings.kafka.ssl_certificate_file else "an unnamed client"


def absent(settings: Settings, names: Sequence[str]) -> NoReturn:
    """Raises DependencyError: these topics are not there, and making them is not ours."""
    raise DependencyError(
        f"topics {', '.join(sorted(names))} do not exist at {settings.bootstrap_servers}, or {who(settings)} "
        "may not see them: have them made (`dp acls --topics` prints how) and ACL Describe given, or set "
        "kafka.topics to create"
    )


def refused(settings: Settings, verb: str, name: str, error: KafkaException) -> NoReturn:
    """Raises DependencyError that names the topic and the right or the setting that is missing."""
    code, said = error.args[0].code(), error.args[0].str()
    place = f"topic {name} at {settings.bootstrap_servers}"
    if code in UNAUTHORIZED:
        unseen = f"does not exist, or {who(settings)} may not see it, and " if verb == "created" else ""
        raise DependencyError(
            f"{place} {unseen}cannot be {verb} ({said}): {who(settings)} needs ACL {_RIGHTS[verb]} on it; "
            "`dp acls` prints all that are needed"
        ) from error
    if code in _REFUSALS and settings.kafka.bootstrap:
        raise DependencyError(
            f"{place} cannot be {verb} ({said}): see kafka.replication {settings.kafka.replication}, "
            f"kafka.max_message_bytes {settings.kafka.max_message_bytes} and the retention settings"
        ) from error
    raise error


def judge(
    settings: Settings,
    client: AdminClient,
    specs: Sequence[TopicSpec],
    partitions: Mapping[str, int],
    seconds: float,
) -> None:
    """Raises where existing topics cannot do: SettingsError where a setting of ours mends it, else
    DependencyError. ``partitions`` has those that exist and were not made by us."""
    for source in SOURCES:
        there = partitions.get(source.topic, 0)
        if there > settings.kafka.partitions:
            raise SettingsError(
                f"topic {source.topic} has {there} partitions and kafka.partitions is "
                f"{settings.kafka.partitions}: set it to at least {there}",
                key="kafka.partitions",
            )
    for spec in specs:
        wide = partitions.get(spec.name)
        needed = spec.partitions if spec.name in _INTERNAL or spec.name == CHANGELOG_TOPIC else 1
        if wide is not None and wide < needed:
            raise DependencyError(
                f"topic {spec.name} has {wide} partitions and needs {needed} (kafka.partitions): add them"
            )
    _judge_configs(settings, client, [spec for spec in specs if spec.name in partitions], seconds)


def _judge_configs(
    settings: Settings, client: AdminClient, specs: Sequence[TopicSpec], seconds: float
) -> None:
    wanted = {spec.name: spec for spec in specs if LARGEST_RECORD in spec.config}
    if not wanted:
        return
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in wanted]
    for resource, future in client.describe_configs(resources, request_timeout=seconds).items():
        try:
            actual = future.result()
        except KafkaException as error:
            if error.args[0].code() not in UNAUTHORIZED:
                raise
            log.info("settings of topic %s are not looked at: no ACL DescribeConfigs", resource.name)
            continue
        name, policy = resource.name, actual[CLEANUP].value if CLEANUP in actual else ""
        largest = int(actual[LARGEST_RECORD].value) if LARGEST_RECORD in actual else None
        if largest is not None and largest < settings.kafka.max_message_bytes:
            raise DependencyError(
                f"topic {name} takes records of {largest} bytes ({LARGEST_RECORD}), kafka.max_message_bytes "
                f"is {settings.kafka.max_message_bytes}: raise the one or lower the other"
            )
        compacted = "compact" in policy
        if name == CHANGELOG_TOPIC and policy != "compact":
            raise DependencyError(f"topic {name} has {CLEANUP} {policy}: it loses state, and needs compact")
        if name in _INTERNAL and compacted:
            raise DependencyError(f"topic {name} has {CLEANUP} {policy}: it loses events, and needs delete")
