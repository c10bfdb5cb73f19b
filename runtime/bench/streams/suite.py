"""`dp bench streams`: the same app events through our streaming half and through its peers, in one run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from confluent_kafka import Consumer, TopicPartition

from contracts.configuration import Resolved
from contracts.errors import DependencyError
from contracts.sources import APP_EVENTS, CLICKSTREAM
from kafka_cluster.security import librdkafka_options
from runtime.bench.streams import cases, events, load, peers
from runtime.bench.streams.cases import Produced
from runtime.bench.streams.local import LocalStreams
from runtime.bench.streams.metering import Measured

CASES = ("produce", *(peer.name for peer in peers.PEERS), "path", "ingestion", "worker", "sessions", "steady")
STEADY_RATE = 5_000.0
STEADY_WARM_UP = 20.0

Result = Measured | Produced | str
"""A figure; a text says why there is none."""
Told = Callable[[str], None]


def run(
    parent: Resolved, *, wanted: Collection[str], count: int, seconds: float, told: Told
) -> Iterator[Result]:
    """The results of the cases wanted, of ``count`` events each; ``seconds`` is for the steady one.

    A peer that cannot be installed is told and left out. Raises DependencyError where our own half fails.
    """
    if any(case in wanted for case in ("produce", "path", *(peer.name for peer in peers.PEERS))):
        yield from _one_topic(parent, wanted, count, told)
    if "ingestion" in wanted or "worker" in wanted:
        with _local(parent) as local:
            cases.produce(local, APP_EVENTS, events.app_events(local, count))
            yield cases.ingestion(local, APP_EVENTS, told)
            if "worker" in wanted:
                yield cases.worker(local, APP_EVENTS, told)
    if "sessions" in wanted:
        with _local(parent) as local:
            cases.produce(local, CLICKSTREAM, events.clicks(local, count))
            yield cases.ingestion(local, CLICKSTREAM, told)
            yield cases.worker(local, CLICKSTREAM, told)
    if "steady" in wanted:
        with LocalStreams(parent) as local:
            load.start(local, STEADY_RATE)
            load.warm_up(local, STEADY_WARM_UP, told)
            yield cases.steady(local, seconds, told)


def _one_topic(parent: Resolved, wanted: Collection[str], count: int, told: Told) -> Iterator[Result]:
    with _local(parent) as local:
        told("making events")
        file = events.app_events(local, count)
        told("sending them")
        yield cases.produce(local, APP_EVENTS, file)
        file.unlink()
        ends = _ends(local)
        for peer in peers.PEERS:
            if peer.name in wanted:
                try:
                    yield peers.run(local, peer, APP_EVENTS.topic, ends, told)
                except DependencyError as error:
                    yield str(error)
        if "path" in wanted:
            yield cases.path(local, APP_EVENTS, told)


def _local(parent: Resolved) -> LocalStreams:
    """A short flush, so that the last events of a run do not wait for ten seconds; big ones come by count."""
    return LocalStreams(parent, streams__flush_seconds=2.0)


def _ends(local: LocalStreams) -> list[int]:
    consumer = Consumer({**librdkafka_options(local.settings), "group.id": "bench-ends", "log_level": 0})
    try:
        partitions = sorted(
            consumer.list_topics(APP_EVENTS.topic, timeout=30).topics[APP_EVENTS.topic].partitions
        )
        return [
            consumer.get_watermark_offsets(TopicPartition(APP_EVENTS.topic, partition), timeout=30)[1]
            for partition in partitions
        ]
    finally:
        consumer.close()
