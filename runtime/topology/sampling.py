"""What the services use and say, for status and the live view."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contracts.heartbeat import Heartbeat, read_heartbeats
from contracts.layout import LAYERS
from contracts.settings import Settings
from kafka_cluster.state import ClusterState
from runtime.topology import leftovers
from runtime.topology.state import GroupLag, Snapshot

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PROC = Path("/proc")


def memory(instance: str) -> dict[str, tuple[int, int]]:
    """Bytes of each service with all its descendants: (proportional set size, resident set size)."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for pid in leftovers.find(instance):
        service = leftovers.service_of(pid, instance)
        pss, rss = memory_of(pid)
        sums[service][0] += pss
        sums[service][1] += rss
    return {service: (pss, rss) for service, (pss, rss) in sums.items()}


def memory_of(pid: int) -> tuple[int, int]:
    """Bytes of one process: (proportional set size, resident set size); zero where it has gone."""
    try:
        rss = int((_PROC / str(pid) / "statm").read_text().split()[1]) * PAGE_BYTES
    except (OSError, IndexError):
        return 0, 0
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return rss, rss
    pss = next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), rss)
    return pss, rss


def add_heartbeats(settings: Settings, snapshot: Snapshot) -> None:
    """Puts totals, rates and newest events into the snapshot, from services that run."""
    beats = read_heartbeats(settings)
    for status in snapshot.services:
        beat = beats.get(status.name)
        alive = beat is not None and status.started is not None and beat.at >= status.started
        status.total = beat.total if beat and alive and status.pid else None
        status.rate = beat.rate if beat and alive and status.pid else None
        if status.name == "ingestion":
            snapshot.rate = status.rate or 0.0
        if beat and status.name == "lakehouse-driver":
            snapshot.newest = newest_by_layer(beat)


def newest_by_layer(beat: Heartbeat) -> dict[str, str]:
    """The newest event of each layer: table names end in their layer's."""
    tables: Any = beat.details.get("newest")
    newest: dict[str, str] = {}
    if not isinstance(tables, Mapping):
        return newest
    for table, time in tables.items():
        for layer in LAYERS:
            if isinstance(time, str) and str(table).endswith(f"_{layer}"):
                newest[layer] = max(newest.get(layer, ""), time)
    return newest


def lag_by_group(cluster: ClusterState) -> list[GroupLag] | None:
    """Events that each group has still to read; None where the broker has not answered."""
    if any(consumer.lag is None for consumer in cluster.consumers):
        return None
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for consumer in cluster.consumers:
        for part in consumer.partitions:
            sums[part.group, part.topic] += part.lag
    return [GroupLag(group=group, topic=topic, lag=lag) for (group, topic), lag in sorted(sums.items())]
