"""What goes wrong between ingestion and the workers, and how it mends itself, on a real broker."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from contracts.heartbeat import Heartbeat, read_heartbeats
from contracts.sources import USERS
from kafka_cluster.cluster import ClusterManager
from kafka_cluster.topics import admin, ensure_topics, topic_ids
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


def produce_users(broker: Broker, folder: Path, first: int, count: int, *options: str) -> None:
    lines = [
        json.dumps({"user_id": f"u{number}", "updated_at": "2026-01-02T03:04:05Z"})
        for number in range(first, first + count)
    ]
    file = folder / f"users-{first}.ndjson"
    file.write_text("\n".join(lines))
    broker.copy.dp(*options, "produce", USERS.topic, str(file))


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


def test_the_cluster_is_described_also_for_consumers_that_are_down(broker: Broker) -> None:
    state = ClusterManager(broker.settings).state()
    assert state.broker == "up"
    users = next(consumer for consumer in state.consumers if consumer.group == USERS.consumer_group)
    assert users.lag == 0 and users.partitions[0].committed == users.partitions[0].end == 500
    assert users.commit_age_seconds is not None
    sizes = {topic.name: topic.bytes for topic in state.topics}
    assert len(sizes) == 11 and sizes[USERS.topic] > 0 and sizes["topic_external"] == 0
    assert state.disk is not None and state.disk.free_bytes
    volume = os.statvfs(broker.settings.data_root)
    assert state.disk.free_bytes == pytest.approx(volume.f_bavail * volume.f_frsize, rel=0.2)


def test_a_changed_setting_of_a_topic_is_put_back(broker: Broker) -> None:
    client = admin(broker.settings)
    resource = ConfigResource(
        ResourceType.TOPIC,
        USERS.topic,
        incremental_configs=[
            ConfigEntry("retention.ms", "1000", incremental_operation=AlterConfigOpType.SET)
        ],
    )
    for future in client.incremental_alter_configs([resource]).values():
        future.result()
    assert ensure_topics(broker.settings).reconfigured == [USERS.topic]
    (described,) = client.describe_configs([ConfigResource(ResourceType.TOPIC, USERS.topic)]).values()
    hours = broker.settings.kafka.retention_hours
    assert described.result()["retention.ms"].value == str(hours * 3_600_000)
    assert ensure_topics(broker.settings).reconfigured == []


def test_a_disk_that_takes_nothing_pauses_consumption_which_goes_on_without_loss(
    broker: Broker, tmp_path: Path
) -> None:
    worker = broker.dp("stream-worker-1", "worker")
    ingestion = broker.dp("ingestion", "ingest", "users")
    until(lambda: _worker(broker).pid == worker.pid and _worker(broker).state == "running", "the worker")
    known = landed_offsets(broker)
    resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    produce_users(broker, tmp_path, 1000, 400)
    until(lambda: "cannot write" in _worker(broker).message, "the worker to say so")
    assert _worker(broker).state == "degraded" and _worker(broker).details["paused"]
    page = f"http://127.0.0.1:{broker.settings.ports.worker_web}"
    rows = httpx.get(f"{page}/partitions/").json()
    assert {row["paused"] for row in rows} == {True}
    assert "dp_stream_paused 1.0" in httpx.get(f"{page}/metrics").text
    produce_users(broker, tmp_path, 2000, 400)
    assert landed_offsets(broker) == known

    resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    until(lambda: landed_offsets(broker) == list(range(len(known) + 800)), "all of it")
    until(lambda: _worker(broker).state == "running" and not _worker(broker).details["paused"], "calm")
    assert worker.poll() is None, "it was not restarted"
    stop(broker, ingestion)
    stop(broker, worker)


@pytest.mark.long
def test_a_broker_without_the_codec_is_given_another(tmp_path: Path) -> None:
    """A broker that cannot load snappy's native library, as on a machine that forbids programs in /tmp."""
    broker = Broker(tmp_path, kafka__partitions=1)
    broker.copy.environment["JAVA_TOOL_OPTIONS"] = "-Dorg.xerial.snappy.tempdir=/proc/nowhere"
    try:
        broker.start("zookeeper")
        broker.start("kafka")
        ensure_topics(broker.settings)
        produce_users(broker, tmp_path, 0, 50, "--set", "kafka.compression=none")
        ingestion = broker.dp("ingestion", "ingest", "users")
        until(lambda: _details(broker).get("codec") == "gzip", "the codec in the heartbeat")
        until(lambda: _details(broker)["sources"]["users"]["events"] == 50, "all events")
        assert set(_details(broker)["connections"].values()) <= {"ok"}
        stop(broker, ingestion)
    finally:
        broker.close()


def _details(broker: Broker) -> dict[str, Any]:
    beat = read_heartbeats(broker.settings).get("ingestion")
    return beat.details if beat else {}


def _worker(broker: Broker) -> Heartbeat:
    empty = Heartbeat(service="", pid=0, at=0.0, state="starting")
    return read_heartbeats(broker.settings).get("stream-worker-1", empty)
