"""Feeds an internal topic as ingestion would, and keeps what it fed: the oracle's input.

The source topic gets an empty record for each offset, so that its end is where the chains may reach.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field

import pyarrow as pa
from confluent_kafka import Producer

from contracts.settings import Settings
from contracts.sources import APP_EVENTS, CLICKSTREAM, Source
from kafka_cluster.topics import ensure_topics, topic_ids
from streams.packing import encode
from streams.payload import payload_schema, to_payload

TYPES = ("login", "page_view", "search", "purchase", "error")
ACTIONS = ("page_view", "page_view", "click", "scroll")


def canonical_event(
    event_id: str, user: str, kind: str, at: int, value: float | None = None
) -> dict[str, object]:
    """A canonical app event; ``at`` is microseconds since 1970 UTC."""
    return {
        "event_id": event_id,
        "user_id": user,
        "session_id": None,
        "event_type": kind,
        "app_type": "mobile",
        "platform": "ios",
        "app_version": None,
        "country": "DE",
        "event_timestamp": at,
        "event_value": value,
        "response_time_ms": 12.5,
        "status_code": 500 if kind == "error" else 200,
        "error_code": None,
        "properties": '{"a":1}',
    }


def canonical_click(
    click_id: str,
    user: str,
    at: int,
    *,
    session: str | None = None,
    action: str = "page_view",
    page: str = "/",
    referrer: str | None = None,
    device: str | None = "mobile",
) -> dict[str, object]:
    """A canonical click; ``at`` is microseconds since 1970 UTC."""
    return {
        "click_id": click_id,
        "user_id": user,
        "session_id": session,
        "click_timestamp": at,
        "action": action,
        "page_url": page,
        "referrer_url": referrer,
        "element": None,
        "device_type": device,
        "user_agent": "agent",
        "properties": "{}",
    }


def payload_of(events: list[dict[str, object]]) -> bytes:
    """The payload of a packed record of these canonical events, which are all clicks or all app events."""
    source = CLICKSTREAM if events and "click_id" in events[0] else APP_EVENTS
    return to_payload(pa.Table.from_pylist(events, schema=payload_schema(source)).to_batches())


@dataclass
class Feed:
    """Packed records of app events or clicks, some with rejected offsets, some sent twice, some late."""

    settings: Settings
    source: Source = APP_EVENTS
    seed: int = 1
    users: int = 500
    faults: bool = True
    late_share: float = 0.01
    fed: dict[int, list[int]] = field(default_factory=dict)
    """Partition → source offsets of the valid events."""
    events: int = 0

    def __post_init__(self) -> None:
        ensure_topics(self.settings)
        self.topic_id = topic_ids(self.settings, [self.source.topic])[self.source.topic]
        self.random = random.Random(self.seed)
        self.producer = Producer(
            {
                "bootstrap.servers": self.settings.bootstrap_servers,
                "linger.ms": 20,
                "compression.type": "snappy",
                "enable.idempotence": True,
                "queue.buffering.max.messages": 2_000_000,
            }
        )
        self.partitions = self.settings.kafka.partitions
        self.next = dict.fromkeys(range(self.partitions), 0)
        self.prev = dict.fromkeys(range(self.partitions), -1)
        self.sent: dict[int, list[tuple[int, bytes]]] = {p: [] for p in range(self.partitions)}

    def send(self, partition: int, count: int, now: float | None = None) -> None:
        """One packed record of about ``count`` events."""
        now = time.time() if now is None else now
        first = self.next[partition]
        offsets, events = [], []
        for offset in range(first, first + count):
            if self.faults and self.random.random() < 0.01:
                continue
            age = self.random.random() * 5
            if self.random.random() < self.late_share:
                age = 600.0
            events.append(self._event(f"{partition}-{offset}", int((now - age) * 1_000_000)))
            offsets.append(offset)
        through = first + count - 1
        data = encode(
            topic_id=self.topic_id,
            prev=self.prev[partition],
            first=first,
            through=through,
            ingest_timestamp=int(now * 1_000_000),
            offsets=offsets,
            source_timestamps_ms=[int(now * 1000)] * len(offsets),
            source_systems=["simulator"] * len(offsets),
            payload=payload_of(events),
        )
        self.next[partition], self.prev[partition] = through + 1, through
        self.fed.setdefault(partition, []).extend(offsets)
        self.events += len(offsets)
        for _ in range(count):
            self.producer.produce(self.source.topic, b"", partition=partition)
        self._produce(partition, data)
        self.sent[partition] = [*self.sent[partition][-20:], (through, data)]
        if self.faults and self.random.random() < 0.05:
            for _, again in self.sent[partition][-self.random.randrange(1, 6) :]:
                self._produce(partition, again)
        self.producer.poll(0)

    def flush(self) -> None:
        """Waits until the broker has everything."""
        self.producer.flush()

    def _event(self, name: str, at: int) -> dict[str, object]:
        number = self.random.randrange(self.users)
        user = f"user-{number}"
        if self.source is CLICKSTREAM:
            # The id changes every 20 s of the events' own time, so that it splits sessions too.
            session = f"{user}-{at // 20_000_000}" if number % 4 else None
            action, page = self.random.choice(ACTIONS), f"/page/{self.random.randrange(20)}"
            return canonical_click(name, user, at, session=session, action=action, page=page)
        kind = self.random.choice(TYPES)
        value = self.random.randrange(10_000) / 4 if kind == "purchase" else None
        return canonical_event(name, user, kind, at, value)

    def _produce(self, partition: int, data: bytes) -> None:
        self.producer.produce(self.source.internal_topic, data, partition=partition)
