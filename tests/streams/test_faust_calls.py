"""Faust's private parts that we lean on are still where, and what, they were."""

from __future__ import annotations

import inspect
from collections import Counter
from importlib.metadata import version
from types import SimpleNamespace

from aiokafka.consumer.fetcher import Fetcher
from faust.app.base import App
from faust.stores.memory import Store
from faust.tables.base import Collection
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer, ThreadDelegateConsumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

from contracts.sources import CHANGELOG_TOPIC, STREAMS_GROUP, STREAMS_TABLE
from streams.faust_calls import recovered_changes


def parameters(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)  # type: ignore[arg-type]


def test_the_pinned_version() -> None:
    assert version("faust-streaming") == "0.15.3", (
        "read Faust's changes, then run the fault tests with --long"
    )


def test_commit_takes_the_next_offset_of_each_partition() -> None:
    assert parameters(ThreadDelegateConsumer._commit) == ["self", "offsets"]
    source = inspect.getsource(AIOKafkaConsumerThread._commit)
    assert "OffsetAndMetadata(offset" in source, "the offset is committed as it is given"
    assert "return False" in source, "a lost partition is not an error"


def test_offsets_can_be_asked_for() -> None:
    assert parameters(ThreadDelegateConsumer.seek_to_committed) == ["self"]
    assert parameters(ThreadDelegateConsumer.earliest_offsets) == ["self", "partitions"]
    assert parameters(ThreadDelegateConsumer.highwater) == ["self", "tp"]


def test_a_changelog_record_can_be_sent_outside_an_event() -> None:
    assert parameters(Collection.send_changelog)[:4] == ["self", "partition", "key", "value"]
    assert "_key_partition" in inspect.getsource(Store.apply_changelog_batch)


def test_recovery_calls_back_before_events_flow() -> None:
    source = inspect.getsource(Recovery.on_recovery_completed)
    assert (
        source.index("on_recovery_completed(")
        < source.index("perform_seek()")
        < source.index("resume_flow()")
    )
    assert "await fun()" in inspect.getsource(Collection.call_recover_callbacks)


def test_records_are_not_acked_where_acks_are_off() -> None:
    assert "acks_enabled_for" in inspect.getsource(Consumer.ack)


def test_the_wait_of_a_fetch_is_read_at_each_fetch() -> None:
    assert "fetch_max_wait_ms" in parameters(Fetcher.__init__)
    assert "self._fetch_max_wait_ms," in inspect.getsource(Fetcher._get_actions_per_node)
    assert "self._consumer = self._create_consumer(" in inspect.getsource(AIOKafkaConsumerThread)
    assert "_fetcher" in inspect.getsource(AIOKafkaConsumerThread)


def test_recovery_counts_what_it_has_read() -> None:
    source = inspect.getsource(Recovery)
    assert "active_offsets: Counter[TP]" in source
    assert "offsets = active_offsets" in source
    assert "self.tables.on_rebalance" in inspect.getsource(App._on_partitions_assigned)


def test_an_offset_that_recovery_does_not_know_yet_counts_as_none() -> None:
    recovery = SimpleNamespace(active_offsets=Counter({"a": 7, "b": None, "c": -1}))
    app = SimpleNamespace(tables=SimpleNamespace(recovery=recovery))
    assert recovered_changes(app) == 6


def test_the_declared_changelog_is_the_one_that_faust_looks_for() -> None:
    app = App(STREAMS_GROUP, autodiscover=False)
    assert app.Table(STREAMS_TABLE).changelog_topic_name == CHANGELOG_TOPIC
