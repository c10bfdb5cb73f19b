"""Everything between a producer and the Parquet files is killed and paused at random, and nothing shows."""

from __future__ import annotations

import logging
import random
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from contracts.landing import LANDING
from contracts.layout import chains_root
from contracts.sources import APP_EVENTS, CLICKSTREAM, Source
from kafka_cluster.topics import ensure_topics, topic_ids
from streams.chain import Chain
from tests.streams.oracle import (
    chain_files,
    check_landing,
    check_rows,
    check_windows,
    from_input,
    read_by_rule,
)
from tests.streams.session_oracle import check_sessions
from tests.system.bare_broker import Broker
from tests.system.raw_feed import BROKEN, RawFeed, records

log = logging.getLogger(__name__)

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(3600)]

RATE = 2_000
STRIKES = 25
SEED = 20
FED = (APP_EVENTS, CLICKSTREAM)
THIRD = "stream-worker-3"
VICTIMS = (
    "ingestion-a",
    "ingestion-b",
    "stream-worker-1",
    "stream-worker-2",
    "kafka",
    "zookeeper",
)


class Platform:
    """ZooKeeper, a broker, two processes of ingestion and two workers, each brought back when it has died."""

    def __init__(self, root: Path) -> None:
        self.broker = Broker(
            root,
            streams__flush_seconds=1.0,
            streams__window_seconds=10,
            streams__grace_seconds=20,
            streams__session_gap_seconds=30,
        )
        self.settings = self.broker.settings
        self.restarts: dict[str, int] = defaultdict(int)
        self._members: dict[str, subprocess.Popen[bytes]] = {}
        ports = self.settings.ports
        self._commands = {
            "ingestion-a": ("ingest",),
            "ingestion-b": ("--set", f"ports.ingestion_metrics={ports.api}", "ingest"),
            "stream-worker-1": ("worker", "--index", "1"),
            "stream-worker-2": (
                "--set",
                f"ports.worker_web={ports.spark_master - 1}",
                "worker",
                "--index",
                "2",
            ),
        }

    def start(self) -> None:
        self.broker.start("zookeeper")
        self.broker.start("kafka")
        ensure_topics(self.settings)
        self.ids = topic_ids(self.settings)
        self.tend()

    def add_worker(self) -> None:
        """A third worker, which gets its number itself."""
        port = self.settings.ports.spark_worker_1_ui
        self._commands[THIRD] = ("--set", f"ports.worker_web={port}", "worker")

    def remove_worker(self) -> None:
        """Its graceful end."""
        del self._commands[THIRD]
        process = self._members.pop(THIRD)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in (0, -signal.SIGTERM), "ended before or after it could be graceful"

    def tend(self) -> None:
        """Brings back the dead, as a supervisor would."""
        for name in ("zookeeper", "kafka"):
            if self.broker.process(name).poll() is not None:
                self.broker.kill(name)
                self.broker.start(name)
                self.restarts[name] += 1
        for name, command in self._commands.items():
            process = self._members.get(name)
            if process is None or process.poll() is not None:
                self.restarts[name] += process is not None
                self._members[name] = self.broker.dp(name, *command)

    def process(self, name: str) -> subprocess.Popen[bytes]:
        return self._members.get(name) or self.broker.process(name)

    def until(self, condition: Callable[[], bool], what: str, limit: float = 300.0) -> None:
        deadline = time.monotonic() + limit
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain: {what}"
            self.tend()
            time.sleep(0.1)

    def landed(self) -> dict[tuple[str, int], int]:
        """Offset after the last one in landing, by source and partition."""
        reached = {}
        for source in FED:
            for number in range(self.settings.kafka.partitions):
                tail = self._chain(source, number).tail()
                reached[source.name, number] = 0 if tail is None else tail.last + 1
        return reached

    def stop(self) -> None:
        """A graceful end of the processes that are ours: each must end well."""
        for process in self._members.values():
            process.send_signal(signal.SIGTERM)
        codes = {name: process.wait(60) for name, process in self._members.items()}
        assert set(codes.values()) == {0}, codes

    def _chain(self, source: Source, number: int) -> Chain:
        topic_id = self.ids[source.topic]
        folder = chains_root(self.settings, source) / f"topic_id={topic_id}" / f"partition={number}"
        return Chain(folder, topic_id, LANDING[source.name])


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    made = Platform(tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.broker.close()


def test_random_kills_and_pauses_of_everything_lose_and_double_nothing(platform: Platform) -> None:
    chance = random.Random(SEED)
    with RawFeed(platform.settings, RATE) as feed:
        for number in range(1, STRIKES + 1):
            before = platform.landed()
            platform.until(lambda before=before: _all_moved(before, platform.landed()), "landing to go on")
            moment = time.monotonic() + chance.uniform(0, 6)
            platform.until(lambda moment=moment: time.monotonic() > moment, "the moment")
            if number == STRIKES // 3:
                platform.add_worker()
            elif number == 2 * STRIKES // 3:
                platform.remove_worker()
            _strike(platform, chance, number)
    truth = {source: list(records(platform.settings, source.topic)) for source in FED}
    held = sum(map(len, truth.values()))
    if feed.failed:
        log.warning("not acknowledged, with the producer's reason: %s", dict(feed.failed))
    assert feed.sent - feed.failed.total() <= held, "the broker has lost what it had acknowledged"
    assert held > feed.sent // 2
    ends = {source: _ends(rows) for source, rows in truth.items()}
    wanted = {(source.name, number): end for source, many in ends.items() for number, end in many.items()}
    platform.until(lambda: platform.landed() == wanted, f"landing to reach {wanted}")
    platform.stop()

    total = 0
    for source in FED:
        valid: dict[int, list[int]] = {number: [] for number in ends[source]}
        for partition, offset, _, value in truth[source]:
            if value != BROKEN:
                valid[partition].append(offset)
        topic_id = platform.ids[source.topic]
        total += check_landing(platform.settings, topic_id, valid, ends[source], source)
    events = (
        (partition, msgspec.json.decode(value))
        for partition, _, _, value in truth[APP_EVENTS]
        if value != BROKEN
    )
    windows = check_rows(read_by_rule(platform.settings), from_input(platform.settings, events))
    check_windows(platform.settings, platform.ids[APP_EVENTS.topic], sorted(ends[APP_EVENTS]))
    clicks = {
        (partition, offset): msgspec.json.decode(value) for partition, offset, _, value in truth[CLICKSTREAM]
    }
    _check_clicks(platform, clicks)
    clicks_id = platform.ids[CLICKSTREAM.topic]
    sessions = check_sessions(platform.settings, clicks_id, sorted(ends[CLICKSTREAM]))
    log.warning(
        "%d events sent, %d in the topics, %d landed once, %d windows and %d sessions equal; restarts: %s",
        feed.sent,
        held,
        total,
        windows,
        sessions,
        dict(platform.restarts),
    )
    assert total and windows and sessions


def _check_clicks(platform: Platform, clicks: dict[tuple[int, int], dict[str, Any]]) -> None:
    """Landing has them as they were sent, for the sessions are computed from there."""
    topic_id = platform.ids[CLICKSTREAM.topic]
    landed = 0
    for number in range(platform.settings.kafka.partitions):
        for path in chain_files(platform.settings, CLICKSTREAM, topic_id, number):
            for row in pq.read_table(path, partitioning=None).to_pylist():
                sent = clicks[number, row["source_offset"]]
                assert {name: row[name] for name in sent} | {
                    "click_timestamp": sent["click_timestamp"]
                } == sent
                assert row["click_timestamp"] == datetime.fromisoformat(sent["click_timestamp"])
                landed += 1
    assert landed == len(clicks)


def _strike(platform: Platform, chance: random.Random, number: int) -> None:
    victim = chance.choice(VICTIMS)
    kills = chance.random() < 0.6
    pause = chance.uniform(2, 12) if victim in ("kafka", "zookeeper") else chance.uniform(8, 25)
    process = platform.process(victim)
    log.warning("strike %d: %s %s", number, victim, "kill -9" if kills else f"stopped {pause:.0f} s")
    if kills:
        process.kill()
        return
    process.send_signal(signal.SIGSTOP)
    try:
        until = time.monotonic() + pause
        platform.until(lambda: time.monotonic() > until, "the end of a pause")
    finally:
        process.send_signal(signal.SIGCONT)


def _all_moved(before: dict[tuple[str, int], int], now: dict[tuple[str, int], int]) -> bool:
    return all(now[place] > reached for place, reached in before.items())


def _ends(rows: list[tuple[int, int, int, bytes]]) -> dict[int, int]:
    ends: dict[int, int] = {}
    for partition, offset, _, _ in rows:
        ends[partition] = offset + 1
    return ends
