"""What each service may have to do at the broker, and whether it may: derived from the declared topics."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, Literal

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from msgspec import Struct
from msgspec.structs import replace

from contracts.errors import DependencyError
from contracts.settings import Settings
from contracts.sources import (
    CHANGELOG_TOPIC,
    DEAD_LETTER_TOPIC,
    SOURCES,
    STREAMS_GROUP,
    changelog_spec,
    topic_specs,
)
from kafka_cluster.given_topics import UNAUTHORIZED, who
from kafka_cluster.topics import admin

log = logging.getLogger(__name__)

ANSWER_SECONDS = 5.0
ATTEMPTS = 4
"""Of new clients: where a cluster never had a consumer its coordinator comes with the first question only,
and librdkafka may leave that one open for ever."""
_UNANSWERED = frozenset(
    {KafkaError._TIMED_OUT, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS}
)

Kind = Literal["topic", "group", "cluster"]
INGESTION = "ingestion"
WORKERS = "stream workers"
PRODUCERS = "simulators, dp produce, dp dead-letters replay"
READERS = "everything (lag, health, topics)"
LETTERS = "dp dead-letters, dp trace"
MAKERS = "whoever starts first, with kafka.topics=create or manage"
REGISTRY = "the local schema registry"
CLUSTER = "kafka-cluster"
_REGISTRY_TOPICS = ("kafkasql-journal", "kafkasql-snapshots", "registry-events")
_DENIED = UNAUTHORIZED | {KafkaError.GROUP_AUTHORIZATION_FAILED}


class Grant(Struct, frozen=True, kw_only=True):
    """Operations on one resource, in the words of Kafka's ACLs, and what needs them."""

    kind: Kind
    name: str
    operations: tuple[str, ...]
    needed_by: str
    optional: bool = False
    """Whether a start goes on without it: it is needed for some figures only, or only once."""
    prefix: bool = False
    """Whether ``name`` is the beginning of names."""


def grants(settings: Settings) -> Iterator[Grant]:
    """All that is needed, each resource once for each kind of process."""
    groups = [source.consumer_group for source in SOURCES]
    internal = [source.internal_topic for source in SOURCES]
    sources = [source.topic for source in SOURCES]
    specs = [*topic_specs(settings), changelog_spec(settings)]
    yield from _each("topic", [spec.name for spec in specs], ("Describe",), READERS)
    yield from _each("group", [*groups, STREAMS_GROUP], ("Describe",), READERS)
    yield from _each("topic", sources, ("Read",), INGESTION)
    yield from _each("topic", [*internal, DEAD_LETTER_TOPIC], ("Write",), INGESTION)
    yield from _each("group", groups, ("Read",), INGESTION)
    yield from _each("topic", internal, ("Read",), WORKERS)
    yield from _each("topic", [CHANGELOG_TOPIC], ("Read", "Write"), WORKERS)
    yield from _each("group", [STREAMS_GROUP], ("Read",), WORKERS)
    yield from _each("topic", [DEAD_LETTER_TOPIC], ("Read",), LETTERS)
    yield from _each("topic", [*sources, DEAD_LETTER_TOPIC], ("Write",), PRODUCERS)
    yield from _each("topic", [spec.name for spec in specs], ("DescribeConfigs",), MAKERS, optional=True)
    yield Grant(
        kind="cluster", name=CLUSTER, operations=("Describe",), needed_by="figures of disk use", optional=True
    )
    if not settings.registry.url:
        # Of Apicurio, which makes its topics itself and takes a new group at each start.
        own = ("Describe", "Create", "Read", "Write")
        yield from _each("topic", _REGISTRY_TOPICS, own, REGISTRY, optional=True)
        yield Grant(
            kind="group",
            name="apicurio-",
            operations=("Read",),
            needed_by=REGISTRY,
            optional=True,
            prefix=True,
        )
    if settings.topic_rights != "check":
        yield from _each("topic", [spec.name for spec in specs], ("Create",), MAKERS, optional=True)
    if settings.topic_rights == "manage":
        yield from _each("topic", [spec.name for spec in specs], ("Alter", "AlterConfigs"), MAKERS)


def merged(wanted: Iterable[Grant]) -> list[Grant]:
    """One grant a resource, with all its operations, in the order in which they first come."""
    found: dict[tuple[Kind, str], Grant] = {}
    for grant in wanted:
        known = found.get((grant.kind, grant.name), grant)
        operations = tuple(dict.fromkeys((*known.operations, *grant.operations)))
        found[grant.kind, grant.name] = replace(known, operations=operations)
    return list(found.values())


def acl_commands(settings: Settings, principal: str) -> list[str]:
    """Commands of Kafka's own tool that give ``principal`` (`User:dp`) all of it, and nothing else."""
    lines = []
    for grant in merged(grants(settings)):
        words = ["kafka-acls.sh", "--bootstrap-server", settings.bootstrap_servers]
        words += ["--command-config", "admin.properties", "--add", "--allow-principal", principal]
        words += ["--cluster"] if grant.kind == "cluster" else [f"--{grant.kind}", grant.name]
        words += ["--resource-pattern-type", "prefixed"] if grant.prefix else []
        for operation in grant.operations:
            words += ["--operation", operation]
        lines.append(shlex.join(words))
    return lines


def topic_commands(settings: Settings) -> list[str]:
    """Commands of Kafka's own tool that make the topics as they are declared."""
    lines = []
    for spec in (*topic_specs(settings), changelog_spec(settings)):
        words = ["kafka-topics.sh", "--bootstrap-server", settings.bootstrap_servers]
        words += ["--command-config", "admin.properties", "--create", "--if-not-exists", "--topic", spec.name]
        words += ["--partitions", str(spec.partitions), "--replication-factor", str(spec.replication)]
        for key, value in spec.config.items():
            words += ["--config", f"{key}={value}"]
        lines.append(shlex.join(words))
    return lines


def missing(settings: Settings, wanted: Iterable[Grant], timeout: float = ANSWER_SECONDS) -> list[Grant]:
    """Those of ``wanted`` that the broker does not give us, with the operations that are missing.

    A broker that does not say what is allowed (before Kafka 2.3) is taken to allow it. Nothing is said of
    the cluster, of prefixes and of topics that do not exist. Raises DependencyError where the broker does not
    answer.
    """
    wanted = [grant for grant in wanted if not grant.prefix]
    for attempt in range(ATTEMPTS):
        try:
            return list(_lacking(wanted, _ask(settings, wanted, timeout)))
        except KafkaException as error:
            if error.args[0].code() not in _UNANSWERED or attempt == ATTEMPTS - 1:
                raise DependencyError(
                    f"rights at {settings.bootstrap_servers}: {error.args[0].str()}"
                ) from error
        except FutureTimeoutError as error:
            if attempt == ATTEMPTS - 1:
                raise DependencyError(f"rights at {settings.bootstrap_servers}: no answer in time") from error
        log.info("the broker has not said yet what is allowed; asking again")
    raise AssertionError("the last attempt returns or raises")


def _ask(
    settings: Settings, wanted: Iterable[Grant], timeout: float
) -> dict[tuple[str, str], frozenset[str] | None]:
    topics = sorted({grant.name for grant in wanted if grant.kind == "topic"})
    groups = sorted({grant.name for grant in wanted if grant.kind == "group"})
    client = admin(settings)  # must live until the last future is done
    answers: dict[tuple[str, str], Future[Any]] = {}
    if topics:
        described = client.describe_topics(
            TopicCollection(topics), include_authorized_operations=True, request_timeout=timeout
        )
        answers |= {("topic", name): future for name, future in described.items()}
    if groups:
        found = client.describe_consumer_groups(
            groups, include_authorized_operations=True, request_timeout=timeout
        )
        answers |= {("group", name): future for name, future in found.items()}
    return {place: _allowed(future, timeout + 1.0) for place, future in answers.items()}


def require_access(settings: Settings, needed_by: Iterable[str]) -> None:
    """Raises DependencyError that names every topic and group that these kinds of processes may not use as
    they have to, and how. Asks nothing of the local broker, which lets everybody do everything."""
    if not settings.kafka.bootstrap:
        return
    kinds = {READERS, *needed_by}
    wanted = [grant for grant in grants(settings) if grant.needed_by in kinds and not grant.optional]
    if lacking := missing(settings, wanted):
        rights = "; ".join(
            f"{grant.kind} {grant.name}: {', '.join(grant.operations)}" for grant in merged(lacking)
        )
        raise DependencyError(
            f"{who(settings)} may not do at {settings.bootstrap_servers} what is needed: {rights} "
            "(`dp acls` prints the commands that allow it)"
        )


def _each(
    kind: Kind, names: Iterable[str], operations: tuple[str, ...], needed_by: str, *, optional: bool = False
) -> Iterator[Grant]:
    for name in names:
        yield Grant(kind=kind, name=name, operations=operations, needed_by=needed_by, optional=optional)


def _allowed(future: Future[Any], timeout: float) -> frozenset[str] | None:
    """Allowed operations, lower case without underscores; None where the broker does not say."""
    try:
        operations = future.result(timeout).authorized_operations
    except KafkaException as error:
        if error.args[0].code() in _DENIED:
            return frozenset()
        if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return None  # we may see that it is not there; making it is another matter
        raise
    if operations is None:
        return None
    return frozenset(operation.name.replace("_", "").lower() for operation in operations)


def _lacking(
    wanted: Iterable[Grant], allowed: Mapping[tuple[str, str], frozenset[str] | None]
) -> Iterator[Grant]:
    for grant in wanted:
        known = allowed.get((grant.kind, grant.name))
        if known is None:
            continue
        lacking = tuple(name for name in grant.operations if name.lower() not in known)
        if lacking:
            yield replace(grant, operations=lacking)
