"""The declarations of sources, topics and landing files agree with each other."""

from __future__ import annotations

import msgspec
import pytest

from contracts.errors import NotFound
from contracts.events import ChangeEvent
from contracts.landing import LANDING
from contracts.settings import Kafka, Settings
from contracts.sources import CDC_CHANGES, SOURCES, source_named, source_of_topic, topic_specs


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_a_source_agrees_with_its_landing_schema(source) -> None:  # type: ignore[no-untyped-def]
    columns = LANDING[source.name].names
    assert source.time_field in columns
    assert source.id_field in {"", *columns}
    if source is not CDC_CHANGES:
        fields = {field.encode_name for field in msgspec.structs.fields(source.event)}
        assert fields <= set(columns)
        assert source.key_field in fields
        assert source.overflow_field in columns


def test_topics_are_the_public_ones() -> None:
    specs = {spec.name: spec for spec in topic_specs(Settings(kafka=Kafka(partitions=6)))}
    assert set(specs) == {
        "topic_app_events",
        "topic_clickstream",
        "topic_cdc_changes",
        "topic_users",
        "topic_external",
        "internal_app_events",
        "internal_clickstream",
        "internal_cdc_changes",
        "internal_users",
        "internal_external_data",
        "dead_letter",
    }
    assert specs["dead_letter"].partitions == 1
    assert specs["topic_users"].partitions == specs["internal_users"].partitions == 6
    assert specs["topic_users"].config["retention.ms"] == str(7 * 86_400_000)
    assert specs["internal_users"].config["retention.ms"] == str(86_400_000)


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(NotFound, match="topic_app_events"):
        source_of_topic("topic_nowhere")
    with pytest.raises(NotFound, match="clickstream"):
        source_named("nowhere")


def test_a_change_event_takes_rows_and_nulls() -> None:
    update = (
        b'{"op":"u","source":{"connector":"postgresql","db":"d","table":"t"},"before":null,"after":{"a":1}}'
    )
    event = msgspec.json.decode(update, type=ChangeEvent)
    assert bytes(event.after) == b'{"a":1}'
    assert bytes(event.before) == bytes(event.transaction) == b"null"
