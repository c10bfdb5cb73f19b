"""Ingestion and a real schema registry: absent, back, and refusing a change."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from contracts.heartbeat import read_heartbeats
from contracts.sources import SOURCES
from kafka_cluster.registry import Registry
from tests.system.bare_broker import Broker
from tests.system.test_ingestion import stop, until

pytestmark = [pytest.mark.system, pytest.mark.long]


def test_subjects_are_registered_when_the_registry_is_back_and_a_refusal_stops_the_start(
    tmp_path: Path,
) -> None:
    broker = Broker(tmp_path, kafka__partitions=1)
    subjects = sorted(f"{source.topic}-value" for source in SOURCES)

    def state() -> tuple[str, str]:
        beat = read_heartbeats(broker.settings).get("ingestion")
        return (beat.state, beat.message) if beat else ("", "")

    try:
        broker.start("zookeeper")
        broker.start("kafka")
        ingestion = broker.dp("ingestion", "ingest")
        until(lambda: state()[0] == "degraded" and "registry" in state()[1], "ingestion to miss it")
        broker.start("schema-registry")
        until(lambda: state() == ("running", ""), "ingestion to be content")
        with Registry(broker.settings) as registry:
            assert sorted(registry.subjects()) == subjects

        # It goes while events are served, comes back, and then loses a subject.
        broker.kill("schema-registry")
        until(lambda: state()[0] == "degraded" and "registry" in state()[1], "ingestion to miss it again")
        broker.start("schema-registry")
        until(lambda: state() == ("running", ""), "ingestion to be content again")
        with Registry(broker.settings) as registry:
            httpx.delete(f"{broker.settings.registry_url}/subjects/{subjects[0]}").raise_for_status()
            until(lambda: sorted(registry.subjects()) == subjects, "the subject to be registered again")
        stop(broker, ingestion)

        address = f"{broker.settings.registry_url}/subjects/topic_users-value"
        httpx.delete(address).raise_for_status()
        with Registry(broker.settings) as registry:
            other = {
                "$schema": "http://json-schema.org/draft-07/schema#",
                "type": "object",
                "properties": {"user_id": {"type": "integer"}},
                "required": ["user_id"],
                "additionalProperties": False,
            }
            registry.register("topic_users-value", other)
        refused = broker.dp("ingestion", "ingest")
        assert refused.wait(60) == 1
        assert state()[0] == "failed"
        assert "schema topic_users-value is refused by the registry" in state()[1]
    finally:
        broker.close()
