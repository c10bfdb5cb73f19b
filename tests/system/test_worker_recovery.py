"""A worker's recovery ends, whatever has become of its table's changelog; landing makes up for it.

Covers, of the cases under "Streams": a changelog partition that is empty (the first start here, and one that
has lost all), and one that has lost its head. What an exception in an agent or a hung step leads to is in
tests/streams/test_flusher.py (a skipped record and no progress end the process; a failing disk is said).
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from contracts.heartbeat import read_heartbeats
from kafka_cluster.topics import ensure_topics
from tests.streams.feeding import Feed
from tests.streams.oracle import check_landing, check_windows
from tests.system.bare_broker import Broker

PATIENCE = 200.0
EVENTS = 2_000

pytestmark = pytest.mark.system


def until(condition: Callable[[], bool], process: subprocess.Popen[bytes], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, f"the worker ended before {what}"
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.2)


def landed(broker: Broker, feed: Feed) -> bool:
    beat = read_heartbeats(broker.settings).get("stream-worker")
    rows = beat.details.get("partitions", {}).get("app_events", {}) if beat else {}
    return all(
        int(rows.get(str(partition), {}).get("H", -1)) == end - 1 for partition, end in feed.next.items()
    )


def run_worker(broker: Broker, feed: Feed) -> None:
    """Feeds every partition, runs a worker until all has landed, and stops it with its table written."""
    for partition in feed.next:
        for _ in range(4):
            feed.send(partition, EVENTS // 4)
    feed.flush()
    worker = broker.dp("stream-worker", "worker")
    until(lambda: landed(broker, feed), worker, "all has landed")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0


def ends(broker: Broker, topic: str) -> dict[int, tuple[int, int]]:
    """First offset and end of each partition."""
    consumer = Consumer({"bootstrap.servers": broker.settings.bootstrap_servers, "group.id": "check"})
    partitions = consumer.list_topics(topic).topics[topic].partitions
    found = {number: consumer.get_watermark_offsets(TopicPartition(topic, number)) for number in partitions}
    consumer.close()
    return found


def cut_heads(admin: AdminClient, topic: str, cut: dict[int, int]) -> None:
    """Deletes the records before an offset; of a topic that is only compacted the broker deletes nothing."""
    policy = ConfigEntry("cleanup.policy", "compact,delete", incremental_operation=AlterConfigOpType.SET)
    changed = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[policy])
    for future in admin.incremental_alter_configs([changed]).values():
        future.result()
    deadline = time.monotonic() + PATIENCE
    while True:
        gone = admin.delete_records([TopicPartition(topic, number, at) for number, at in cut.items()])
        try:
            for future in gone.values():
                future.result()
        except KafkaException as error:
            # The broker hears of its new setting by and by.
            assert error.args[0].code() == KafkaError.POLICY_VIOLATION
            assert time.monotonic() < deadline, error
            time.sleep(0.2)
        else:
            return


def test_recovery_ends_with_changelogs_that_are_empty_or_have_lost_their_head(tmp_path: Path) -> None:
    broker = Broker(tmp_path, streams__flush_seconds=1)
    try:
        broker.start("zookeeper")
        broker.start("kafka")
        ensure_topics(broker.settings)
        feed = Feed(broker.settings)
        run_worker(broker, feed)

        admin = AdminClient({"bootstrap.servers": broker.settings.bootstrap_servers})
        (changelog,) = [name for name in admin.list_topics().topics if name.endswith("-changelog")]
        written = ends(broker, changelog)
        assert all(end - first > 1 for first, end in written.values()), json.dumps(written)
        cut = {0: written[0][1], 1: written[1][1] - 1}
        cut_heads(admin, changelog, cut)
        assert {number: ends(broker, changelog)[number][0] for number in cut} == cut

        run_worker(broker, feed)
        check_landing(broker.settings, feed.topic_id, feed.fed, feed.next)
        check_windows(broker.settings, feed.topic_id, list(feed.next))
    finally:
        broker.close()
