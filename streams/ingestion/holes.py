"""Which source records must be sent again, because the workers say that they never came.

A packed record that follows one which is missing is ignored (``streams.packing``). Ingestion closes such a
hole by itself where it sends again from its committed offset; where that offset is already beyond the hole,
nobody would. The workers' heartbeats are the channel: files, so that it works between processes and between
containers that share the data root.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from contracts.heartbeat import FRESH_SECONDS, read_heartbeats
from contracts.settings import Settings
from contracts.sources import Source


class Landed(Struct, frozen=True, kw_only=True):
    """What a worker says of one partition of the source."""

    position: int
    """Last source offset in landing."""
    topic_id: str
    at_rest: bool
    """It has nothing waiting and nothing to read."""
    has_hole: bool
    """Records have been missing for longer than `streams.hole_seconds`."""


class HoleWatch:
    """Looks at the heartbeats of all workers for one source."""

    def __init__(self, settings: Settings, source: Source) -> None:
        self._settings = settings
        self._source = source
        self._patience = settings.streams.hole_seconds
        self._behind: dict[int, tuple[int, float]] = {}
        """Partition → its position and since when it rests there with records missing."""
        self._sent: dict[int, tuple[int, float]] = {}
        """Partition → position after which records were last sent again, and when."""

    def due(self, sent: Mapping[int, int], topic_id: str) -> dict[int, int]:
        """Partition → last offset that has landed, of those that must be sent again from there.

        ``sent`` is the last source offset that was sent, by partition that is ours. A hole counts when the
        worker has seen it for `streams.hole_seconds`, or when landing has rested behind what was sent for as
        long (the records that would show the hole were passed before the worker was started).
        """
        now = time.monotonic()
        found = {}
        rows = dict(self._landed())
        for number, through in sent.items():
            row = rows.get(number)
            if row is None or row.topic_id != topic_id or row.position >= through:
                self._behind.pop(number, None)
                continue
            if not (row.has_hole or self._rests(number, row, now)):
                continue
            position, at = self._sent.get(number, (row.position - 1, now))
            if position == row.position and now - at < self._patience:
                continue
            self._sent[number] = (row.position, now)
            found[number] = row.position
        return found

    def _rests(self, number: int, row: Landed, now: float) -> bool:
        if not row.at_rest:
            self._behind.pop(number, None)
            return False
        position, since = self._behind.get(number, (row.position, now))
        if position != row.position:
            since = now
        self._behind[number] = (row.position, since)
        return now - since > self._patience

    def _landed(self) -> Iterator[tuple[int, Landed]]:
        limit = time.time() - FRESH_SECONDS
        for beat in read_heartbeats(self._settings).values():
            if beat.at < limit:
                continue
            details: dict[str, Any] = beat.details
            holes = {(hole["source"], hole["partition"]) for hole in details.get("holes", ())}
            for number, row in details.get("partitions", {}).get(self._source.name, {}).items():
                yield (
                    int(number),
                    Landed(
                        position=row["H"],
                        topic_id=row["topic_id"],
                        at_rest=row["pending"] == 0 and row["lag"] == 0,
                        has_hole=(self._source.name, int(number)) in holes,
                    ),
                )
