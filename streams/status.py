"""What a worker says of its partitions: for its page, its heartbeat and Prometheus."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from prometheus_client import Gauge

from kafka_cluster.rates import Rates
from streams.flusher import Flusher, Key, Slot

_LABELS = ("source", "partition")
_GAUGES = {
    "landed_offset": Gauge("dp_stream_landed_offset", "Last source offset in landing", _LABELS),
    "open_windows": Gauge("dp_stream_open_windows", "Open windows", _LABELS),
    "open_sessions": Gauge("dp_stream_open_sessions", "Open sessions", _LABELS),
    "waiting_events": Gauge("dp_stream_waiting_events", "Events read and not yet landed", _LABELS),
    "late_events": Gauge("dp_stream_late_events", "Late events since the partition was loaded", _LABELS),
    "lag_records": Gauge("dp_stream_lag_records", "Packed records not yet read", _LABELS),
    "batch_events": Gauge("dp_stream_batch_events", "Events of the newest landing file", _LABELS),
    "flush_age_seconds": Gauge("dp_stream_flush_age_seconds", "Since the last flush", _LABELS),
    "watermark_age_seconds": Gauge("dp_stream_watermark_age_seconds", "Of the watermark", _LABELS),
    "hole_seconds": Gauge("dp_stream_hole_seconds", "Age of a hole in the packed records", _LABELS),
}
_RATES = Rates()
_PAUSED = Gauge("dp_stream_paused", "Whether consumption waits for room or for the disk")
_LANDED = Gauge("dp_stream_landed_events", "Events landed since the start")
_FLUSH = Gauge("dp_stream_flush_seconds", "Duration of the last flush")


def publish(flusher: Flusher) -> None:
    """Sets the Prometheus gauges; partitions that are no longer ours leave them."""
    for gauge in _GAUGES.values():
        gauge.clear()
    for row in partition_rows(flusher):
        for name, gauge in _GAUGES.items():
            if row[name] is not None or name == "hole_seconds":
                gauge.labels(row["source"], str(row["partition"])).set(row[name] or 0)
    _LANDED.set(flusher.landed)
    _FLUSH.set(flusher.flush_seconds)
    _PAUSED.set(flusher.is_paused)


def partition_rows(flusher: Flusher) -> list[dict[str, Any]]:
    """One object a partition, JSON values; ages and lags as of now."""
    return [_row(flusher, key, slot) for key, slot in sorted(flusher.slots.items())]


def heartbeat_details(flusher: Flusher, hole_seconds: float) -> dict[str, Any]:
    """`partitions` {source: {partition: {H, topic_id, watermark, pending, batch, lag}}} (``lag`` in records
    of the internal topic, null where it is not known yet), `flush_seconds`, and `holes`: where records have
    been missing for longer than ``hole_seconds``, with the offset from which to send again."""
    partitions: dict[str, dict[str, Any]] = {}
    for (source, number), slot in sorted(flusher.slots.items()):
        partition = slot.partition
        partitions.setdefault(source, {})[str(number)] = {
            "H": partition.position,
            "topic_id": partition.topic_id,
            "watermark": iso(partition.watermark),
            "pending": len(partition.waiting) and max(partition.waiting_events, 1),
            "batch": partition.batch_events,
            "lag": _unread(flusher, (source, number), slot),
        }
    rates = _RATES.observe(
        {
            "messages": float(flusher.landed),
            "bytes": float(flusher.read_bytes),
            "unreadable": float(sum(slot.partition.unreadable for slot in flusher.slots.values())),
        }
    )
    return {
        "partitions": partitions,
        "paused": flusher.is_paused,
        "committed_at": flusher.committed_at,
        "messages_per_second": rates["messages"],
        "bytes_per_second": rates["bytes"],
        "invalid_per_second": {"unreadable": rates["unreadable"]} if rates["unreadable"] else {},
        "logic": {slot.partition.source.name: slot.partition.logic for slot in flusher.slots.values()},
        "flush_seconds": round(flusher.flush_seconds, 3),
        "late": sum(slot.partition.late_events for slot in flusher.slots.values()),
        "holes": holes(flusher, hole_seconds),
    }


def holes(flusher: Flusher, hole_seconds: float) -> list[dict[str, Any]]:
    """Partitions whose records have been missing for longer than ``hole_seconds``."""
    now = time.time()
    return [
        {
            "source": source,
            "partition": number,
            "next_offset": slot.partition.position + 1,
            "seconds": round(now - slot.partition.hole_since),
        }
        for (source, number), slot in sorted(flusher.slots.items())
        if slot.partition.hole_since is not None and now - slot.partition.hole_since > hole_seconds
    ]


def iso(microseconds: int | None) -> str | None:
    """RFC 3339 in UTC."""
    if microseconds is None:
        return None
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC).isoformat(timespec="milliseconds")


def _row(flusher: Flusher, key: Key, slot: Slot) -> dict[str, Any]:
    partition = slot.partition
    return {
        "source": key[0],
        "partition": key[1],
        "paused": flusher.is_paused,
        "failure": flusher.failure,
        "topic_id": partition.topic_id,
        "landed_offset": partition.position,
        "watermark": iso(partition.watermark),
        "watermark_age_seconds": None
        if partition.watermark is None
        else round(time.time() - partition.watermark / 1_000_000, 1),
        "open_windows": 0 if partition.keeps_sessions else partition.open_entries,
        "open_sessions": partition.open_entries if partition.keeps_sessions else 0,
        "flush_age_seconds": round(time.time() - partition.flushed_at, 1) if partition.flushed_at else None,
        "flushes": partition.flushes,
        "batch_events": partition.batch_events,
        "waiting_events": partition.waiting_events,
        "waiting_bytes": partition.waiting_bytes,
        "late_events": partition.late_events,
        "unreadable_records": partition.unreadable,
        "foreign_records": partition.foreign,
        "lag_records": _unread(flusher, key, slot),
        "hole_seconds": None if partition.hole_since is None else round(time.time() - partition.hole_since),
    }


def _unread(flusher: Flusher, key: Key, slot: Slot) -> int | None:
    end = flusher.end_offset(key)
    return None if end is None else max(end - slot.expected, 0)
