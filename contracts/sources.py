"""The five sources: topic, key, consumer group, struct, event time and landing place, each said once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from contracts.errors import NotFound
from contracts.events import AppEvent, ChangeEvent, ClickEvent, ExternalRecord, UserRecord
from contracts.settings import Settings

DEAD_LETTER_TOPIC = "dead_letter"
STREAMS_GROUP = "dp-streams"
"""Consumer group of the stream workers, and the id of their Faust app."""
STREAMS_TABLE = "view_buckets"
CHANGELOG_TOPIC = f"{STREAMS_GROUP}-{STREAMS_TABLE}-changelog"
"""Topic of the workers' table, named as Faust names it."""


class Source(Struct, frozen=True, kw_only=True):
    """One event source and everything whose name follows from it."""

    name: str
    topic: str
    key_field: str
    """Field of the event that is the record's key; empty: the record carries its own key (change events)."""
    consumer_group: str
    event: type
    id_field: str
    """Identity of an event; empty where the record's position is its identity."""
    time_field: str
    """Event time, a column of the landing file."""
    date_column: str
    """Partition column of the bronze table: the UTC date of ``time_field``."""
    chain_folder: str
    """Folder of the chains, relative to the data root."""
    overflow_field: Literal["properties", "extra"]
    """Landing column that keeps unknown fields, as JSON text."""

    @property
    def internal_topic(self) -> str:
        return f"internal_{self.name}"

    @property
    def bronze_table(self) -> str:
        return f"{self.name}_bronze"


APP_EVENTS = Source(
    name="app_events",
    topic="topic_app_events",
    key_field="user_id",
    consumer_group="app_events_consumer",
    event=AppEvent,
    id_field="event_id",
    time_field="event_timestamp",
    date_column="event_date",
    chain_folder="landing/app_events",
    overflow_field="properties",
)
CLICKSTREAM = Source(
    name="clickstream",
    topic="topic_clickstream",
    key_field="user_id",
    consumer_group="clickstream_consumer",
    event=ClickEvent,
    id_field="click_id",
    time_field="click_timestamp",
    date_column="click_date",
    chain_folder="landing/clickstream",
    overflow_field="properties",
)
CDC_CHANGES = Source(
    name="cdc_changes",
    topic="topic_cdc_changes",
    key_field="",
    consumer_group="cdc_changes_consumer",
    event=ChangeEvent,
    id_field="change_id",
    time_field="commit_timestamp",
    date_column="commit_date",
    chain_folder="outputs/cdc_transformed",
    overflow_field="extra",
)
USERS = Source(
    name="users",
    topic="topic_users",
    key_field="user_id",
    consumer_group="users_consumer",
    event=UserRecord,
    id_field="",
    time_field="updated_at",
    date_column="updated_date",
    chain_folder="landing/users",
    overflow_field="extra",
)
EXTERNAL_DATA = Source(
    name="external_data",
    topic="topic_external",
    key_field="source",
    consumer_group="external_data_consumer",
    event=ExternalRecord,
    id_field="record_id",
    time_field="observed_at",
    date_column="observed_date",
    chain_folder="landing/external_data",
    overflow_field="extra",
)
SOURCES: tuple[Source, ...] = (APP_EVENTS, CLICKSTREAM, CDC_CHANGES, USERS, EXTERNAL_DATA)


def source_of_topic(topic: str) -> Source:
    """The source that reads ``topic``. Raises NotFound that lists the topics."""
    for source in SOURCES:
        if source.topic == topic:
            return source
    raise NotFound(f"no source reads topic {topic!r}; topics: {', '.join(s.topic for s in SOURCES)}")


def source_named(name: str) -> Source:
    """Raises NotFound that lists the names."""
    for source in SOURCES:
        if source.name == name:
            return source
    raise NotFound(f"no source named {name!r}; sources: {', '.join(s.name for s in SOURCES)}")


LARGEST_RECORD = "max.message.bytes"


class TopicSpec(Struct, frozen=True, kw_only=True):
    """A topic as it must exist in the broker."""

    name: str
    partitions: int
    replication: int
    config: dict[str, str]


def topic_specs(settings: Settings) -> Iterator[TopicSpec]:
    """Every topic of the platform: five source topics, five internal ones, dead_letter."""
    kafka = settings.kafka
    large = {LARGEST_RECORD: str(kafka.max_message_bytes)}

    def spec(name: str, partitions: int, retention_hours: int, more: dict[str, str]) -> TopicSpec:
        return TopicSpec(
            name=name,
            partitions=partitions,
            replication=kafka.replication,
            config={
                "retention.ms": str(retention_hours * 3_600_000),
                "retention.bytes": str(kafka.retention_bytes),
                **more,
            },
        )

    for source in SOURCES:
        yield spec(source.topic, kafka.partitions, kafka.retention_hours, {})
        yield spec(source.internal_topic, kafka.partitions, kafka.internal_retention_hours, large)
    yield spec(DEAD_LETTER_TOPIC, 1, kafka.retention_hours, large)


def changelog_spec(settings: Settings) -> TopicSpec:
    """The topic of the stream workers' table."""
    return TopicSpec(
        name=CHANGELOG_TOPIC,
        partitions=settings.kafka.partitions,
        replication=settings.kafka.replication,
        config={"cleanup.policy": "compact", LARGEST_RECORD: str(settings.kafka.max_message_bytes)},
    )
