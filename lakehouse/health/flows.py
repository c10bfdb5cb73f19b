"""What flows: consumer groups and their lag, the stream workers' flushes, dead letters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from contracts.heartbeat import FRESH_SECONDS, Heartbeat
from contracts.settings import Settings
from contracts.sources import SOURCES
from lakehouse.alerts.rules import Finding, finding
from lakehouse.health.dead_letters import by_source
from lakehouse.health.memory import Memory
from lakehouse.health.report import GroupHealth, SourceHealth, WorkerHealth
from lakehouse.health.services import SeenCluster

STREAMS = "dp-streams"
"""Consumer group of the stream workers."""


def groups(cluster: SeenCluster | None, beats: Mapping[str, Heartbeat], now: float) -> list[GroupHealth]:
    """Every consumer group: by the broker where it answers, so also those whose processes are down, else by
    their own words."""
    fresh = _fresh(beats, now)
    own = {source.consumer_group: _ingested(source.name, fresh) for source in SOURCES}
    own[STREAMS] = [beat.details for beat in fresh.values() if "partitions" in beat.details]
    asked = {}
    if cluster is not None and cluster.broker == "up":
        asked = {consumer.group: consumer.lag for consumer in cluster.consumers}
    found = []
    for group, said in own.items():
        committed = [one["committed_at"] for one in said if one.get("committed_at")]
        lag = asked.get(group)
        if lag is None and said:
            lag = sum(_lag(one) for one in said)
        found.append(
            GroupHealth(
                group=group,
                lag=lag,
                messages_per_second=round(sum(one.get("messages_per_second", 0.0) for one in said), 1),
                commit_age_seconds=round(max(now - max(committed), 0.0), 1) if committed else None,
            )
        )
    return found


def workers(beats: Mapping[str, Heartbeat], now: float) -> list[WorkerHealth]:
    """The stream workers that speak."""
    found = []
    for name, beat in sorted(_fresh(beats, now).items()):
        if "partitions" not in beat.details:
            continue
        parts = [part for many in beat.details["partitions"].values() for part in many.values()]
        batches = [part["batch"] for part in parts if part.get("batch")]
        committed = beat.details.get("committed_at")
        found.append(
            WorkerHealth(
                service=name,
                flush_seconds=beat.details.get("flush_seconds"),
                flush_age_seconds=round(max(now - committed, 0.0), 1) if committed else None,
                waiting=sum(part.get("pending", 0) for part in parts),
                batch_events=round(sum(batches) / len(batches), 1) if batches else None,
                late=beat.details.get("late", 0),
                paused=bool(beat.details.get("paused")),
            )
        )
    return found


def flow_findings(
    settings: Settings,
    found: list[GroupHealth],
    writing: list[WorkerHealth],
    beats: Mapping[str, Heartbeat],
    now: float,
) -> Iterator[Finding]:
    """Too much to read, nothing written although something waits, records missing."""
    limits = settings.health
    for group in found:
        if group.lag is not None and group.lag > limits.lag_records:
            says = f"{group.group} has {group.lag:,} records to read; the limit is {limits.lag_records:,}"
            yield finding("lag_high", group.group, says)
        if group.group != STREAMS and group.lag and _is_over(group.commit_age_seconds, limits.flush_seconds):
            says = f"{group.group} has committed nothing for {group.commit_age_seconds:.0f} s"
            yield finding("flush_stuck", group.group, f"{says}, and {group.lag:,} records wait")
    for worker in writing:
        if worker.waiting and _is_over(worker.flush_age_seconds, limits.flush_seconds):
            says = f"{worker.service} has landed nothing for {worker.flush_age_seconds:.0f} s"
            yield finding("flush_stuck", worker.service, f"{says}, and {worker.waiting:,} events wait")
    for beat in _fresh(beats, now).values():
        for hole in beat.details.get("holes", ()):
            place = f"{hole['source']}/{hole['partition']}"
            yield finding(
                "holes",
                place,
                f"{beat.service} misses records of {place} from source offset {hole['next_offset']}, "
                f"for {hole['seconds']} s",
            )


def sources(refused: Mapping[str, int], memory: Memory) -> list[SourceHealth]:
    """What is refused of each source; ``refused`` are the counts by series."""
    sums = by_source(refused)
    return [
        SourceHealth(
            name=source.name,
            dead_letters=sums.get(source.name, 0),
            dead_letters_per_minute=memory.refused_per_minute.get(source.name),
        )
        for source in SOURCES
    ]


def dead_letter_findings(settings: Settings, found: list[SourceHealth]) -> Iterator[Finding]:
    limit = settings.health.dead_letters_per_minute
    for source in found:
        if _is_over(source.dead_letters_per_minute, limit):
            says = f"{source.dead_letters_per_minute:,.0f} records of {source.name} a minute are refused"
            yield finding("dead_letters", source.name, f"{says}; the limit is {limit:,}")


def _fresh(beats: Mapping[str, Heartbeat], now: float) -> dict[str, Heartbeat]:
    return {name: beat for name, beat in beats.items() if now - beat.at <= FRESH_SECONDS}


def _ingested(source: str, beats: Mapping[str, Heartbeat]) -> list[dict[str, Any]]:
    said = (beat.details.get("sources", {}).get(source) for beat in beats.values())
    return [details for details in said if details is not None]


def _lag(said: Mapping[str, Any]) -> int:
    if "lag" in said:
        return int(said["lag"] or 0)
    lags: dict[str, int] = defaultdict(int)
    for source, partitions in said.get("partitions", {}).items():
        lags[source] += sum(part.get("lag") or 0 for part in partitions.values())
    return sum(lags.values())


def _is_over(value: float | None, limit: float) -> bool:
    return value is not None and value > limit
