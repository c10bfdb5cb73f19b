"""Where records go: into Kafka, or as NDJSON to a file or the terminal."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from functools import lru_cache
from typing import IO, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from contracts.errors import DependencyError
from contracts.settings import Settings
from kafka_cluster import connections
from simulators.behaviour import Record

log = logging.getLogger(__name__)

HEADERS = [("source", b"simulator")]
SILENCE_SECONDS = 3.0
"""Acknowledgements that take longer are worth a word in the heartbeat."""
RETRY_SECONDS = 1.0
STOP_SECONDS = 3.0
CLIENT_ID = "simulator"
ROUND_RECORDS = 20_000
"""Records that are in flight at once at most."""

_TopicPartition = tuple[str, int]


class Delivery(Protocol):
    """Takes records and delivers them in order."""

    delivered: int
    """Records that the other side has acknowledged."""

    @property
    def waiting(self) -> int:
        """Records that were offered and are not delivered."""

    @property
    def trouble(self) -> str:
        """Why nothing is being delivered, in one line; empty when all is well."""

    def offer(self, records: Iterable[Record]) -> None:
        """Takes records; never blocks. Whoever offers looks at ``waiting`` first."""

    async def close(self, seconds: float) -> None:
        """Delivers what waits, for that long at most, and ends."""


class FileDelivery:
    """Writes a line a record: the value as it would be sent, or with ``keyed`` an object of topic, key and
    value.

    A tombstone is the line ``null``, a malformed value in a keyed line is a text.
    """

    waiting = 0
    trouble = ""

    def __init__(self, file: IO[bytes], *, keyed: bool) -> None:
        self._file = file
        self._keyed = keyed
        self.delivered = 0

    def offer(self, records: Iterable[Record]) -> None:
        for record in records:
            self._file.write((_keyed_line(record) if self._keyed else record.value or b"null") + b"\n")
            self.delivered += 1
        self._file.flush()

    async def close(self, seconds: float) -> None:
        self._file.flush()


class KafkaDelivery:
    """Sends to Kafka in order per partition, for as long as it takes: a broker that is away is waited for.

    The producer is idempotent. Only where it gives up on a batch (a partition without a leader for longer
    than its timeout) is the batch sent again by a new producer, and may then be there twice: ``resent``
    counts it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._queue: deque[Record] = deque()
        self._flight: dict[_TopicPartition, deque[Record]] = {}
        self._flight_since = 0.0
        self._arrived = asyncio.Event()
        self._closing = False
        self._error = ""
        self._producer: AIOKafkaProducer | None = None
        self._connection: AbstractAsyncContextManager[AIOKafkaProducer]
        self._task = asyncio.get_running_loop().create_task(self._work(), name="delivery")
        self.delivered = 0
        self.resent = 0

    @property
    def waiting(self) -> int:
        return len(self._queue) + sum(map(len, self._flight.values()))

    @property
    def trouble(self) -> str:
        if self._error:
            return self._error
        silent = time.monotonic() - self._flight_since if self._flight else 0.0
        if silent > SILENCE_SECONDS:
            servers = self._settings.bootstrap_servers
            return f"Kafka at {servers} has not acknowledged for {silent:.0f} s; {self.waiting} records wait"
        return ""

    def offer(self, records: Iterable[Record]) -> None:
        self._queue.extend(records)
        self._arrived.set()

    async def close(self, seconds: float) -> None:
        self._closing = True
        self._arrived.set()
        done, _ = await asyncio.wait([self._task], timeout=seconds)
        if not done:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._disconnect()
        if done:
            self._task.result()

    async def _work(self) -> None:
        while True:
            while self._flight or self._queue:
                try:
                    await self._round()
                    self._error = ""
                except (KafkaError, OSError, DependencyError) as error:
                    await self._give_up(error)
            if self._closing:
                return
            self._arrived.clear()
            await self._arrived.wait()

    async def _round(self) -> None:
        if self._producer is None:
            await self._connect()
        producer = self._producer
        assert producer is not None
        if not self._flight:
            self._flight_since = time.monotonic()
            for _ in range(min(len(self._queue), ROUND_RECORDS)):
                record = self._queue[0]
                partitions = tuple(sorted(await producer.partitions_for(record.topic)))
                place = record.topic, _partition(record.key, partitions)
                self._flight.setdefault(place, deque()).append(self._queue.popleft())
        await asyncio.gather(*(self._send(producer, place, group) for place, group in self._flight.items()))
        self._flight.clear()

    async def _send(self, producer: AIOKafkaProducer, place: _TopicPartition, group: deque[Record]) -> None:
        """Sends a partition's records in order and takes what was acknowledged out of ``group``."""
        topic, partition = place
        while group:
            batch, packed = producer.create_batch(), 0
            for record in group:
                if batch.append(key=record.key, value=record.value, timestamp=None, headers=HEADERS) is None:
                    break
                packed += 1
            batch.close()
            await (await producer.send_batch(batch, topic, partition=partition))
            for _ in range(packed):
                group.popleft()
            self.delivered += packed
            self._flight_since = time.monotonic()

    async def _give_up(self, error: Exception) -> None:
        reason = str(error) or type(error).__name__
        text = f"{reason}; trying again, {self.waiting} records wait"
        if not self._error:
            log.warning(text, extra={"waiting": self.waiting})
        self._error = text
        self.resent += sum(map(len, self._flight.values()))
        await self._disconnect()
        await asyncio.sleep(RETRY_SECONDS)

    async def _connect(self) -> None:
        self._connection = connections.producer(self._settings, CLIENT_ID, connect_seconds=RETRY_SECONDS)
        self._producer = await self._connection.__aenter__()

    async def _disconnect(self) -> None:
        """Closes the producer; one whose broker is away would wait for it, and is left after a while."""
        if self._producer is None:
            return
        self._producer = None
        closing = asyncio.ensure_future(self._connection.__aexit__(None, None, None))
        done, _ = await asyncio.wait([closing], timeout=STOP_SECONDS)
        if not done:
            closing.cancel()
            await asyncio.wait([closing])


@lru_cache(maxsize=16_384)
def _partition(key: bytes, partitions: tuple[int, ...]) -> int:
    """The partition that every Kafka client gives a key (murmur2)."""
    number: int = DefaultPartitioner()(key, list(partitions), list(partitions))
    return number


def _keyed_line(record: Record) -> bytes:
    """``{"topic":…,"key":…,"value":…}``; the value as it is where it is JSON, so that not a byte changes."""
    value = record.value
    if value is None:
        text = b"null"
    else:
        try:
            json.loads(value)
            text = value
        except ValueError:
            text = json.dumps(value.decode("utf-8", "replace")).encode()
    head = json.dumps({"topic": record.topic, "key": record.key.decode()}, ensure_ascii=False).encode()
    return head[:-1] + b', "value": ' + text + b"}"
