"""Raw events into source topics at a steady rate, whatever happens to the broker; and what came in there.

The truth of a test is read back from the source topics: whatever a producer sent twice or not at all, what a
topic holds is the input.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from contracts.settings import Settings
from contracts.sources import APP_EVENTS, CLICKSTREAM

TYPES = ("login", "page_view", "search", "purchase", "error")
ACTIONS = ("page_view", "page_view", "click", "scroll")
BROKEN = b"{broken"
TICK_SECONDS = 0.02
NEWEST = 5.0
"""Events happened up to so many seconds ago, …"""
LATE = 600.0
"""… but for a few that are late."""


class RawFeed:
    """A thread that produces while the context is open; leaving it waits for every acknowledgement."""

    def __init__(self, settings: Settings, rate: int, *, users: int = 400, seed: int = 1) -> None:
        self.sent = 0
        self.failed: Counter[str] = Counter()
        """Records that the broker did not acknowledge, by error; it may hold them all the same."""
        self._rate = rate
        self._users = users
        self._random = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="raw-feed")
        self._options = {
            "bootstrap.servers": settings.bootstrap_servers,
            "enable.idempotence": True,
            "linger.ms": 20,
            "compression.type": "snappy",
            "partitioner": "murmur2_random",
            "message.timeout.ms": 600_000,
            # A broker that has just come back knows no topic for a while.
            "topic.metadata.propagation.max.ms": 600_000,
            "queue.buffering.max.messages": 2_000_000,
            "on_delivery": self._delivered,
            "log_level": 0,
        }
        self._producer = Producer(self._options)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        assert self._producer.flush(240) == 0

    def _run(self) -> None:
        fed_at, owed = time.monotonic(), 0.0
        while not self._stop.wait(TICK_SECONDS):
            now = time.monotonic()
            owed += min(now - fed_at, 1.0) * self._rate
            fed_at = now
            while owed >= 1:
                owed -= 1
                self._send(time.time())
            self._producer.poll(0)

    def _send(self, now: float) -> None:
        chance = self._random
        user = f"user-{chance.randrange(self._users)}"
        age = LATE if chance.random() < 0.01 else chance.random() * NEWEST
        at = datetime.fromtimestamp(now - age, UTC).isoformat(timespec="microseconds")
        self.sent += 1
        if chance.random() < 0.01:
            topic, value = APP_EVENTS.topic, BROKEN
        elif chance.random() < 0.3:
            topic = CLICKSTREAM.topic
            value = msgspec.json.encode(
                {
                    "click_id": f"c{self.sent}",
                    "user_id": user,
                    "session_id": f"{user}-{int(now) // 60}",
                    "click_timestamp": at,
                    "action": chance.choice(ACTIONS),
                    "page_url": f"/page/{chance.randrange(20)}",
                }
            )
        else:
            kind = chance.choice(TYPES)
            topic = APP_EVENTS.topic
            value = msgspec.json.encode(
                {
                    "event_id": f"e{self.sent}",
                    "user_id": user,
                    "event_type": kind,
                    "app_type": "web",
                    "event_timestamp": at,
                    # Multiples of a quarter, so that sums are exact in any order.
                    "event_value": chance.randrange(10_000) / 4 if kind == "purchase" else None,
                    "status_code": 500 if kind == "error" else 200,
                }
            )
        try:
            self._producer.produce(topic, value, user.encode())
        except KafkaException as error:
            self.sent -= 1
            if error.args[0].code() == KafkaError._FATAL:
                # It no longer knows what the broker has; the topic does, and a new one goes on.
                self._producer.flush(10)
                self._producer = Producer(self._options)
            else:
                # What a broker says of every topic for a moment, when it has just come back.
                assert error.args[0].code() == KafkaError._UNKNOWN_TOPIC, error

    def _delivered(self, error: KafkaError | None, message: object) -> None:
        if error is not None:
            self.failed[error.str()] += 1


def records(settings: Settings, topic: str) -> Iterator[tuple[int, int, int, bytes]]:
    """Partition, offset, Kafka's timestamp (ms) and value of every record that a topic holds."""
    consumer = Consumer(
        {
            "bootstrap.servers": settings.bootstrap_servers,
            "group.id": "the-truth",
            "enable.auto.commit": False,
        }
    )
    try:
        for partition in consumer.list_topics(topic, timeout=30).topics[topic].partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=30)
            consumer.assign([TopicPartition(topic, partition, low)])
            offset = low - 1
            while offset < high - 1:
                for message in consumer.consume(2000, timeout=10):
                    assert message.error() is None, message.error()
                    offset = message.offset()
                    yield partition, offset, message.timestamp()[1], message.value()
    finally:
        consumer.close()
