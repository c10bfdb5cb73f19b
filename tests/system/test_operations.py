"""What goes wrong between ingestion and the workers, and how it mends itself, on a real broker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from confluent_kafka import Consumer, TopicPartition

from contracts.heartbeat import read_heartbeats
from contracts.sources import USERS
from kafka_cluster.topics import ensure_topics, topic_ids
from tests.streams.oracle import chain_files
from tests.system.bare_broker import Broker
from tests.system.test_ingestion import stop, until

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    running = Broker(
        tmp_path_factory.mktemp("operations"),
        kafka__partitions=1,
        streams__flush_seconds=0.5,
        streams__hole_seconds=2.0,
    )
    try:
        running.start("zookeeper")
        running.start("kafka")
        ensure_topics(running.settings)
        yield running
    finally:
        running.close()


def produce_users(broker: Broker, folder: Path, first: int, count: int) -> None:
    lines = [
        json.dumps({"user_id": f"u{number}", "updated_at": "2026-01-02T03:04:05Z"})
        for number in range(first, first + count)
    ]
    file = folder / f"users-{first}.ndjson"
    file.write_text("\n".join(lines))
    broker.copy.dp("produce", USERS.topic, str(file))


def landed_offsets(broker: Broker) -> list[int]:
    topic_id = topic_ids(broker.settings)[USERS.topic]
    files = chain_files(broker.settings, USERS, topic_id, 0)
    return [offset for file in files for offset in pq.read_table(file)["source_offset"].to_pylist()]


def commit(broker: Broker, offset: int) -> None:
    """Moves ingestion's group, as a mistaken hand would."""
    client = Consumer(
        {"bootstrap.servers": broker.settings.bootstrap_servers, "group.id": USERS.consumer_group}
    )
    try:
        client.commit(offsets=[TopicPartition(USERS.topic, 0, offset)], asynchronous=False)
    finally:
        client.close()


def test_a_hole_is_said_and_closed(broker: Broker, tmp_path: Path) -> None:
    produce_users(broker, tmp_path, 0, 300)
    commit(broker, 100)
    worker = broker.dp("stream-worker-1", "worker")
    ingestion = broker.dp("ingestion", "ingest", "users")
    seen: set[str] = set()

    def closed() -> bool:
        beats = read_heartbeats(broker.settings)
        if "stream-worker-1" in beats:
            seen.add(beats["stream-worker-1"].message)
        return landed_offsets(broker) == list(range(300))

    until(closed, "the hole to be closed")
    assert "records of users/0 from source offset 0 are missing" in seen
    until(lambda: read_heartbeats(broker.settings)["stream-worker-1"].message == "", "all well again")
    assert read_heartbeats(broker.settings)["ingestion"].details["sources"]["users"]["resent"] >= 300
    stop(broker, ingestion)

    # A hole that no later record shows: the worker has passed what was sent beyond it before it began.
    stop(broker, worker)
    produce_users(broker, tmp_path, 300, 200)
    commit(broker, 500)
    worker = broker.dp("stream-worker-1", "worker")
    ingestion = broker.dp("ingestion", "ingest", "users")
    until(lambda: landed_offsets(broker) == list(range(500)), "the silent hole to be closed")
    stop(broker, ingestion)
    stop(broker, worker)
