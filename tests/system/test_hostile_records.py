"""A hundred thousand hostile records through broker, ingestion and worker: nobody falls, nothing is lost.

Each record's fate is known from how it was built (tests/streams/ingestion/hostile.py); here it is compared
with where the record came to: one row of landing, one dead letter, or the count of what is skipped.
"""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from contracts.heartbeat import read_heartbeats
from contracts.sources import DEAD_LETTER_TOPIC, SOURCES
from kafka_cluster.lag import consumer_lag
from kafka_cluster.topics import ensure_topics
from tests.streams.ingestion.hostile import ANY, INVALID, SKIPPED, VALID, Hostile, records
from tests.system.bare_broker import Broker

COUNT, HUGE, SEED = 100_000, 40, 20_261_125
PATIENCE = 1_500.0

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(3_600)]


class Place(NamedTuple):
    topic: str
    partition: int
    offset: int


def until(condition: Callable[[], bool], what: str, alive: tuple[subprocess.Popen[bytes], ...] = ()) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        assert [process.poll() for process in alive] == [None] * len(alive), f"a process ended before {what}"
        time.sleep(0.5)


def send_all(broker: Broker) -> dict[Place, Hostile]:
    """Sends the records and says where each one is."""
    sent: dict[Place, Hostile] = {}
    producer = Producer(
        {
            "bootstrap.servers": broker.settings.bootstrap_servers,
            "enable.idempotence": True,
            "compression.type": "snappy",
            "message.max.bytes": 15 * 1024**2,
            "queue.buffering.max.kbytes": 256 * 1024,
            "linger.ms": 20,
        }
    )

    def noted(record: Hostile) -> Callable[[Any, Message], None]:
        def on_delivery(error: Any, message: Message) -> None:
            assert error is None, error
            place = Place(message.topic() or "", message.partition() or 0, message.offset() or 0)
            sent[place] = record

        return on_delivery

    partitions = broker.settings.kafka.partitions
    for number, record in enumerate(records(SEED, COUNT, huge=HUGE)):
        while True:
            try:
                producer.produce(
                    record.source.topic,
                    record.value,
                    record.key,
                    partition=number // len(SOURCES) % partitions,
                    headers=list(record.headers),
                    on_delivery=noted(record),
                )
                break
            except BufferError:
                producer.poll(1)
        producer.poll(0)
    assert producer.flush(300) == 0
    return sent


def landed(broker: Broker) -> Iterator[Place]:
    """Every row of every chain, by its source position."""
    for source in SOURCES:
        for file in (broker.settings.data_root / source.chain_folder).glob(
            "topic_id=*/partition=*/*.parquet"
        ):
            columns = ["source_topic", "source_partition", "source_offset"]
            yield from (Place(*row) for row in pl.read_parquet(file, columns=columns).iter_rows())


def dead_letters(broker: Broker) -> Iterator[dict[str, Any]]:
    consumer = Consumer(
        {
            "bootstrap.servers": broker.settings.bootstrap_servers,
            "group.id": "check",
            "enable.auto.commit": False,
            "fetch.message.max.bytes": 16 * 1024**2,
            "receive.message.max.bytes": 64 * 1024**2,
        }
    )
    low, high = consumer.get_watermark_offsets(TopicPartition(DEAD_LETTER_TOPIC, 0))
    consumer.assign([TopicPartition(DEAD_LETTER_TOPIC, 0, low)])
    next_offset = low
    while next_offset < high:
        for message in consumer.consume(200, timeout=10):
            assert message.error() is None
            next_offset = (message.offset() or 0) + 1
            yield json.loads(message.value() or b"")
    consumer.close()


def is_read(broker: Broker) -> bool:
    groups = {source.consumer_group: [source.topic] for source in SOURCES}
    return all(lag.lag == 0 for lag in consumer_lag(broker.settings, groups))


def is_landed(broker: Broker, sent: dict[Place, Hostile]) -> bool:
    """Whether the worker has taken up every record, valid or not."""
    beats = read_heartbeats(broker.settings)
    rows = beats["stream-worker"].details.get("partitions", {}) if "stream-worker" in beats else {}
    ends = Counter((place.topic, place.partition) for place in sent)
    return all(
        int(rows.get(source.name, {}).get(str(partition), {}).get("H", -1)) + 1
        >= ends[source.topic, partition]
        for source in SOURCES
        for partition in range(broker.settings.kafka.partitions)
    )


def skipped_by(broker: Broker) -> int:
    sources = read_heartbeats(broker.settings)["ingestion"].details["sources"].values()
    return sum(sum(source["skipped"].values()) for source in sources)


def test_every_record_comes_to_what_it_was_built_for(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    try:
        broker.start("zookeeper")
        broker.start("kafka")
        ensure_topics(broker.settings)
        services = (broker.dp("ingestion", "ingest"), broker.dp("stream-worker", "worker"))
        until(lambda: len(read_heartbeats(broker.settings)) == 2, "two heartbeats", services)
        sent = send_all(broker)
        assert len(sent) == COUNT
        until(lambda: is_read(broker), "ingestion at the end of its topics", services)
        until(lambda: is_landed(broker, sent), "landing at the end of the topics", services)

        rows = Counter(landed(broker))
        assert set(rows.values()) == {1}, "each once"
        letters: dict[Place, dict[str, Any]] = {}
        for letter in dead_letters(broker):
            topic, partition, offset = letter["origin"].split("/")
            place = Place(topic, int(partition), int(offset))
            assert place not in letters, "each once"
            assert letter["reason"].startswith(("$", "key"))
            assert letter["kind"] not in ("", "undecodable")
            value = sent[place].value
            assert letter["raw_bytes"] == len(value or b"")
            assert letter["raw"] is None or base64.b64decode(letter["raw"]) == value
            letters[place] = letter
        missing = sent.keys() - rows.keys() - letters.keys()
        until(lambda: skipped_by(broker) == len(missing), "the counts of what is skipped", services)
    finally:
        broker.close()

    found = dict.fromkeys(sent, SKIPPED)
    found.update(dict.fromkeys(rows, VALID))
    assert not letters.keys() & rows.keys(), "none of the refused has landed"
    found.update(dict.fromkeys(letters, INVALID))
    assert found.keys() == sent.keys()
    wrong = [
        (place, sent[place].mould, sent[place].fate, fate)
        for place, fate in found.items()
        if sent[place].fate not in (fate, ANY)
    ]
    assert wrong == []
    fates = Counter(found.values())
    print(fates, Counter(letter["kind"] for letter in letters.values()))  # noqa: T201 - the run's figures
