"""Sends the lines of a file to a topic, fast, and knows of each whether the broker has it."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from msgspec import Struct

from contracts.errors import ContractError
from contracts.settings import Settings
from kafka_cluster import connections, keys
from kafka_cluster.security import librdkafka_options

FLUSH_SECONDS = 60.0
ANY = -1


class Sent(Struct, kw_only=True):
    """What became of the lines so far."""

    lines: int = 0
    """Lines handed to the client: all but blank ones."""
    acknowledged: int = 0
    failed: int = 0
    blank: int = 0
    without_key: int = 0
    """Lines in which no key was found (malformed ones); they are sent all the same."""
    bytes: int = 0
    """Bytes of the lines sent."""
    first_error: str = ""


class FileProducer:
    """A context manager; leaving it waits for what is under way, also after an interrupt.

    Records are partitioned as aiokafka and Kafka's own clients do. Sending is idempotent and in order. Lines
    without a key go to any partition, or all to ``keyless_partition`` where their order must be kept.
    """

    def __init__(
        self,
        settings: Settings,
        topic: str,
        split: keys.Splitter,
        system: str,
        *,
        keyless_partition: int = ANY,
    ) -> None:
        self.sent = Sent()
        self._topic = topic
        self._split = split
        self._keyless_partition = keyless_partition
        self._headers: Any = [("source", system.encode())]
        self._producer = Producer(
            {
                **librdkafka_options(settings),
                "client.id": "dp-produce",
                "enable.idempotence": True,
                "compression.type": connections.codec(settings) or "none",
                "partitioner": "murmur2_random",
                "linger.ms": 20,
                "batch.size": 512 * 1024,
                "message.max.bytes": connections.max_request_bytes(settings),
                "queue.buffering.max.messages": 500_000,
                "queue.buffering.max.kbytes": 128 * 1024,
                "delivery.report.only.error": True,
                "on_delivery": self._failed,
                "log_level": 0,
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.flush()

    def send(self, lines: Iterable[bytes]) -> None:
        """Hands lines over; waits where the client's queue is full."""
        sent, split, produce = self.sent, self._split, self._producer.produce
        topic, headers, keyless = self._topic, self._headers, self._keyless_partition
        for line in lines:
            try:
                key, value = split(line)
            except ContractError:
                if not line or line.isspace():
                    sent.blank += 1
                    continue
                key, value = None, line
                sent.without_key += 1
            sent.lines += 1
            sent.bytes += len(line)
            while True:
                try:
                    produce(topic, value, key, ANY if key is not None else keyless, headers=headers)
                except BufferError:
                    self._producer.poll(0.1)
                except KafkaException as error:
                    self._note(error.args[0])
                    break
                else:
                    break
        self._producer.poll(0)
        self._count()

    def flush(self) -> None:
        """Waits for the acknowledgements of everything sent; what has none in time counts as failed."""
        self._producer.flush(FLUSH_SECONDS)
        self._count()
        waiting = self.sent.lines - self.sent.failed - self.sent.acknowledged
        if waiting:
            self.sent.failed += waiting
            self.sent.first_error = self.sent.first_error or "no acknowledgement in time"

    def _count(self) -> None:
        self.sent.acknowledged = self.sent.lines - self.sent.failed - len(self._producer)

    def _failed(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._note(error)

    def _note(self, error: KafkaError) -> None:
        self.sent.failed += 1
        self.sent.first_error = self.sent.first_error or error.str()
