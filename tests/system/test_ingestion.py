"""Ingestion, dp produce and dp dead-letters on a real broker: every record is settled once."""

from __future__ import annotations

import gzip
import json
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from contracts.heartbeat import read_heartbeats
from contracts.sources import APP_EVENTS, USERS, Source
from kafka_cluster.lag import consumer_lag
from kafka_cluster.topics import topic_ids
from streams import packing
from streams.payload import from_payload
from tests.system.bare_broker import Broker

PATIENCE = 240.0


def app_event(number: int) -> dict[str, Any]:
    return {
        "event_id": f"e{number}",
        "user_id": f"u{number % 997}",
        "event_type": "login",
        "app_type": "web",
        "event_timestamp": "2026-01-02T03:04:05.678901Z",
        "properties": {"n": number},
    }


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.2)


def until_more_records(broker: Broker, than: int) -> None:
    until(lambda: len(read_all(broker, "internal_app_events")) > than, "records after a start")


def read_all(broker: Broker, topic: str) -> list[tuple[int, bytes]]:
    """Partition and value of every record of a topic."""
    consumer = Consumer(
        {
            "bootstrap.servers": broker.settings.bootstrap_servers,
            "group.id": "check",
            "enable.auto.commit": False,
        }
    )
    found = []
    for partition in consumer.list_topics(topic).topics[topic].partitions:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition))
        consumer.assign([TopicPartition(topic, partition, low)])
        count = low
        while count < high:
            for message in consumer.consume(500, timeout=5):
                assert message.error() is None
                found.append((partition, message.value()))
                count += 1
    consumer.close()
    return found


def events_by_the_chain(broker: Broker, source: Source) -> list[dict[str, Any]]:
    """What a reader that follows the chain of packed records takes; fails at a hole."""
    topic_id = topic_ids(broker.settings)[source.topic]
    heights: Counter[int] = Counter()
    events = []
    for partition, value in read_all(broker, source.internal_topic):
        record = packing.decode(value)
        assert record.topic_id == topic_id
        height = heights[partition] - 1
        assert record.prev <= height, "a hole"
        events += from_payload(source, record.payload).to_pylist()[record.since(height) :]
        heights[partition] = max(record.through, height) + 1
    return events


def settled(broker: Broker, source: Source) -> bool:
    groups = {source.consumer_group: [source.topic]}
    return all(lag.lag == 0 for lag in consumer_lag(broker.settings, groups))


def dead_letters(broker: Broker, *options: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(
        broker.copy.dp("dead-letters", "list", "--limit", "0", "--json", *options)
    )
    return listed


def stop(broker: Broker, process: subprocess.Popen[bytes]) -> None:
    """Ends a process gracefully, once it is far enough to know how."""
    until(
        lambda: any(
            beat.pid == process.pid and beat.state in ("running", "degraded")
            for beat in read_heartbeats(broker.settings).values()
        ),
        "a heartbeat",
    )
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def test_no_event_is_lost_or_twice_whatever_is_killed(broker: Broker, tmp_path: Path) -> None:
    chance = random.Random(11)
    lines = [json.dumps(app_event(number)) for number in range(40_000)]
    lines += chance.sample(lines, 400)  # exact duplicates stay: they are told apart later
    lines += [f"{{broken {number}" for number in range(100)]
    chance.shuffle(lines)
    parts = [lines[start : start + 10_000] for start in range(0, len(lines), 10_000)]
    ingestion = broker.dp("ingestion", "ingest", "app_events")
    for number, part in enumerate(parts):
        file = tmp_path / f"{number}.ndjson.gz"
        file.write_bytes(gzip.compress("\r\n".join(part).encode()))
        known = len(read_all(broker, "internal_app_events")) if number else 0
        sent = json.loads(broker.copy.dp("produce", "topic_app_events", str(file), "--json"))
        assert (sent["lines"], sent["acknowledged"], sent["failed"]) == (len(part), len(part), 0)
        until_more_records(broker, known)
        if number == 1:
            broker.kill("kafka")
            broker.start("kafka")
        if ingestion.poll() is None:
            ingestion.kill()
            ingestion.wait()
        ingestion = broker.dp("ingestion", "ingest", "app_events")
    until(lambda: settled(broker, APP_EVENTS), "the end of the topic")
    stop(broker, ingestion)

    counts = Counter(event["event_id"] for event in events_by_the_chain(broker, APP_EVENTS))
    expected = Counter(json.loads(line)["event_id"] for line in lines if not line.startswith("{broken"))
    assert counts == expected
    refused = dead_letters(broker, "--where", "topic=topic_app_events")
    assert len(refused) == len({letter["position"] for letter in refused}) == 100
    assert {letter["kind"] for letter in refused} == {"malformed_json"}


def test_a_replayed_record_that_fails_again_has_its_attempts_raised(broker: Broker, tmp_path: Path) -> None:
    good = {"user_id": "u1", "updated_at": "2026-01-02T03:04:05Z"}
    bad = [{**good, "plan": "gold"}, {**good, "updated_at": "2026-13-01T00:00:00Z"}]
    file = tmp_path / "users.ndjson"
    file.write_text("\n".join(map(json.dumps, [good, *bad])))
    broker.copy.dp("produce", "topic_users", str(file))
    ingestion = broker.dp("ingestion", "ingest", "users")
    until(lambda: len(dead_letters(broker, "--where", "topic=topic_users")) == 2, "two dead letters")

    only_plan = ("--where", "topic=topic_users", "--where", "reason~plan")
    (first,) = dead_letters(broker, *only_plan)
    assert first["attempts"] == 1
    dry = json.loads(broker.copy.dp("dead-letters", "replay", "--json", "--dry-run", *only_plan))
    assert dry == {"selected": 1, "sent": 0, "topics": {"topic_users": 1}}
    assert json.loads(broker.copy.dp("dead-letters", "replay", "--json", *only_plan))["sent"] == 1
    until(
        lambda: [letter["attempts"] for letter in dead_letters(broker, *only_plan)] == [2], "a second refusal"
    )
    (second,) = dead_letters(broker, *only_plan)
    assert second["position"] == first["position"]
    shown = json.loads(broker.copy.dp("dead-letters", "show", first["position"], "--json"))
    assert shown["key"] == "dTE="
    stop(broker, ingestion)
    assert len(events_by_the_chain(broker, USERS)) == 1


def test_two_processes_share_the_partitions(broker: Broker, tmp_path: Path) -> None:
    before = len(events_by_the_chain(broker, APP_EVENTS))
    file = tmp_path / "more.ndjson"
    file.write_text("\n".join(json.dumps(app_event(number)) for number in range(50_000, 70_000)))
    ports = broker.settings.ports
    processes = [
        broker.dp(name, "--set", f"ports.ingestion_metrics={port}", "ingest", "app_events")
        for name, port in (("ingestion-a", ports.ingestion_metrics), ("ingestion-b", ports.api))
    ]
    until(lambda: {"ingestion-a", "ingestion-b"} <= read_heartbeats(broker.settings).keys(), "two heartbeats")
    broker.copy.dp("produce", "topic_app_events", str(file))
    until(lambda: settled(broker, APP_EVENTS), "the end of the topic")
    for process in processes:
        stop(broker, process)
    events = events_by_the_chain(broker, APP_EVENTS)
    assert len(events) - before == 20_000
    beats = read_heartbeats(broker.settings)
    assert sum(beats[name].total for name in ("ingestion-a", "ingestion-b")) == 20_000


def test_a_missing_registry_degrades_and_stops_nothing(broker: Broker) -> None:
    ingestion = broker.dp("ingestion", "ingest", "external_data")
    until(lambda: _state(broker) == "degraded", "a degraded heartbeat")
    assert "registry" in read_heartbeats(broker.settings)["ingestion"].message
    stop(broker, ingestion)


@pytest.mark.parametrize("topic", ["topic_nowhere", "dead_letter"])
def test_an_unknown_topic_lists_those_that_are(broker: Broker, topic: str, tmp_path: Path) -> None:
    file = tmp_path / "one.ndjson"
    file.write_text("{}")
    run = broker.dp("produce", "produce", topic, str(file))
    assert run.wait(60) == 5


def _state(broker: Broker) -> str:
    beat = read_heartbeats(broker.settings).get("ingestion")
    return beat.state if beat else ""
