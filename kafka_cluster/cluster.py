"""The cluster manager: what every consumer does, how far it is behind, and how long the disk lasts.

Rates and errors are the consumers' own words (heartbeats); lag and sizes are the broker's, so a consumer that
is down is seen too.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from typing import Any

from contracts.errors import DependencyError
from contracts.heartbeat import FRESH_SECONDS, Heartbeat, read_heartbeats
from contracts.settings import Settings
from contracts.sources import SOURCES, topic_specs
from kafka_cluster.lag import consumer_lag
from kafka_cluster.log_dirs import DiskUse, disk_use
from kafka_cluster.state import (
    STREAMS_GROUP,
    ClusterState,
    ConsumerState,
    DiskBudget,
    PartitionLag,
    TopicState,
)

log = logging.getLogger(__name__)

ANSWER_SECONDS = 5.0
CACHE_SECONDS = 4.0
DISK_SECONDS = 30.0
"""Sizes are asked for so often: the answer is long."""
GROWTH_SECONDS = 1800.0
LEAST_GROWTH_SECONDS = 60.0
DAY = 86_400.0
Words = list[tuple[Heartbeat, Mapping[str, Any]]]
"""Heartbeats that speak of a group, and what they say of it."""
_WORST = ("failed", "degraded", "starting", "running")


class ClusterManager:
    """Keeps what is needed to tell growth. Safe for use by several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._state: ClusterState | None = None
        self._use: DiskUse | None = None
        self._used_at = -DISK_SECONDS
        self._sizes: deque[tuple[float, int]] = deque()

    def state(self) -> ClusterState:
        """The state now, at most ``CACHE_SECONDS`` old; a broker that does not answer is said, not raised."""
        with self._lock:
            if self._state is None or time.time() - self._state.at >= CACHE_SECONDS:
                self._state = self._look()
            return self._state

    def _look(self) -> ClusterState:
        broker, lags = "up", None
        try:
            lags = consumer_lag(self._settings, timeout=ANSWER_SECONDS)
            self._measure()
        except DependencyError as error:
            if lags is None or not self._settings.kafka.bootstrap:
                broker = str(error)
            else:
                # Of a managed cluster, which does not let its disks be seen.
                self._use = None
                log.debug("%s", error)
        consumers = consumer_states(read_heartbeats(self._settings).values(), lags, time.time())
        state = ClusterState(at=time.time(), broker=broker, consumers=consumers)
        if self._use is not None and broker == "up":
            limits = {
                spec.name: int(spec.config["retention.bytes"]) * spec.partitions * spec.replication
                for spec in topic_specs(self._settings)
            }
            state.topics = [
                TopicState(name=name, bytes=self._use.topics.get(name, 0), limit_bytes=limit)
                for name, limit in limits.items()
            ]
            state.disk = budget(self._use, sum(limits.values()), self._growth())
        return state

    def _measure(self) -> None:
        now = time.monotonic()
        if now - self._used_at < DISK_SECONDS:
            return
        self._use = disk_use(self._settings, ANSWER_SECONDS)
        self._used_at = now
        if self._use is None:
            return
        self._sizes.append((now, sum(self._use.topics.values())))
        while now - self._sizes[0][0] > GROWTH_SECONDS:
            self._sizes.popleft()

    def _growth(self) -> float | None:
        """Bytes a day."""
        (since, before), (until, after) = self._sizes[0], self._sizes[-1]
        if until - since < LEAST_GROWTH_SECONDS:
            return None
        return max(after - before, 0) / (until - since) * DAY


def consumer_states(
    beats: Iterable[Heartbeat], lags: list[PartitionLag] | None, now: float
) -> list[ConsumerState]:
    """Every consumer group of the platform, whether or not a process of it has spoken; ``lags`` None: not
    known."""
    beats = list(beats)
    states = []
    for source in SOURCES:
        words: Words = [
            (beat, details)
            for beat in beats
            if (details := beat.details.get("sources", {}).get(source.name)) is not None
        ]
        states.append(_consumer(source.consumer_group, words, now))
    workers: Words = [(beat, beat.details) for beat in beats if "partitions" in beat.details]
    states.append(_consumer(STREAMS_GROUP, workers, now))
    if lags is not None:
        parts: dict[str, list[PartitionLag]] = defaultdict(list)
        for part in lags:
            parts[part.group].append(part)
        for state in states:
            state.partitions = parts[state.group]
            state.lag = sum(part.lag for part in state.partitions)
    return states


def budget(use: DiskUse, limit: int, growth: float | None) -> DiskBudget:
    """Days until the disk is full at ``growth`` bytes a day; retention stops growth at ``limit`` bytes."""
    used = sum(use.topics.values())
    outlasts = None if use.free is None else use.free >= limit - used
    days = use.free / growth if growth and use.free is not None and not outlasts else None
    return DiskBudget(
        bytes=used,
        limit_bytes=limit,
        free_bytes=use.free,
        growth_bytes_per_day=growth,
        days_left=None if days is None else round(days, 1),
        outlasts_retention=outlasts,
    )


def _consumer(group: str, words: Words, now: float) -> ConsumerState:
    fresh = [(beat, details) for beat, details in words if now - beat.at <= FRESH_SECONDS]
    invalid: Counter[str] = Counter()
    for _, details in fresh:
        invalid.update(details.get("invalid_per_second", {}))
    committed = [details["committed_at"] for _, details in words if details.get("committed_at")]
    errors = [(beat.last_error_at, beat.last_error) for beat, _ in words if beat.last_error]
    states = {beat.state for beat, _ in fresh}
    return ConsumerState(
        group=group,
        state=next((state for state in _WORST if state in states), "down"),
        processes=sorted(beat.service for beat, _ in fresh),
        messages_per_second=round(sum(d.get("messages_per_second", 0.0) for _, d in fresh), 1),
        bytes_per_second=round(sum(d.get("bytes_per_second", 0.0) for _, d in fresh), 1),
        invalid_per_second={kind: rate for kind, rate in sorted(invalid.items()) if rate},
        commit_age_seconds=round(max(now - max(committed), 0.0), 1) if committed else None,
        message="; ".join(sorted({beat.message for beat, _ in fresh if beat.message})),
        last_error=max(errors)[1] if errors else "",
    )
