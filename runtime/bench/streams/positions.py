"""How far ingestion and the workers have come, asked often and cheaply."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import Consumer, TopicPartition

from contracts.landing import META_LAST_OFFSET
from contracts.layout import chains_root
from contracts.settings import Settings
from contracts.sources import Source
from kafka_cluster.security import librdkafka_options


class Committed:
    """Records of a topic that a consumer group has committed. A context manager."""

    def __init__(self, settings: Settings, group: str, topic: str) -> None:
        self._consumer = Consumer({**librdkafka_options(settings), "group.id": group, "log_level": 0})
        found = self._consumer.list_topics(topic, timeout=30).topics[topic].partitions
        self._places = [TopicPartition(topic, partition) for partition in found]

    def __call__(self) -> int:
        return sum(max(place.offset, 0) for place in self._consumer.committed(self._places, timeout=30))

    def end(self) -> int:
        """Records that the topic has taken in all."""
        ends = (self._consumer.get_watermark_offsets(place, timeout=30) for place in self._places)
        return sum(high for _, high in ends)

    def close(self) -> None:
        self._consumer.close()


class Landed:
    """Source records of which landing knows, by the last offset of each chain's newest file."""

    def __init__(self, settings: Settings, source: Source) -> None:
        self._root = chains_root(settings, source)
        self._known: dict[Path, int] = {}

    def __call__(self) -> int:
        newest: dict[Path, Path] = {}
        for path in self._root.glob("topic_id=*/partition=*/*.parquet"):
            newest[path.parent] = max(path, newest.get(path.parent, path))
        return sum(self._settled(path) for path in newest.values())

    def _settled(self, path: Path) -> int:
        known = self._known.get(path)
        if known is None:
            try:
                known = int(pq.read_metadata(path).metadata[META_LAST_OFFSET]) + 1
            except (OSError, pa.ArrowException):
                return 0  # it has just been taken away
            self._known[path] = known
        return known
