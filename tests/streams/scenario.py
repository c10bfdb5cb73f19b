"""Plays arbitrary arrivals, flushes, replays, overlaps, holes, failures and restarts on one partition."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import strategies as st

from contracts.configuration import load
from contracts.settings import Settings
from contracts.sources import Source
from streams.packing import encode
from streams.partition import Partition
from streams.recovery import BronzeRows, no_rows
from tests.streams.feeding import payload_of
from tests.streams.oracle import chain_files

TOPIC_ID = "topic-1"
MICRO = 1_000_000
KAFKA_SECONDS = 2_000
"""Kafka's own timestamp of all records here."""

PLAY = [
    *["step"] * 6,
    *("send", "flush", "again", "overlap", "hole", "table", "idle"),
    *("restart", "fail", "stale", "clean", "lose"),
]
CLOCKS = st.tuples(st.sampled_from([12, 60, 400]), st.sampled_from([0, 1, 3]))
"""How far apart neighbours may be, and how fast time goes on with each, seconds."""
ACTIONS = st.lists(st.sampled_from(PLAY), min_size=12, max_size=36)
"""Long ones: hypothesis keeps a list near its least size, and what matters takes several steps."""


@contextmanager
def temporary_settings(**streams: object) -> Iterator[Settings]:
    with tempfile.TemporaryDirectory() as folder:
        flags = {f"streams.{key}": value for key, value in streams.items()}
        yield load(flags={"paths.data": folder, **flags}, environ={}).settings


def packed(
    first: int,
    through: int,
    prev: int,
    events: Sequence[tuple[int, dict[str, Any]]],
    topic_id: str = TOPIC_ID,
    kafka_seconds: int = KAFKA_SECONDS,
) -> bytes:
    """A record of (offset, canonical event)."""
    return encode(
        topic_id=topic_id,
        prev=prev,
        first=first,
        through=through,
        ingest_timestamp=10_000 * MICRO,
        offsets=[offset for offset, _ in events],
        source_timestamps_ms=[kafka_seconds * 1000] * len(events),
        source_systems=["simulator"] * len(events),
        payload=payload_of([event for _, event in events]),
    )


def loaded(
    settings: Settings,
    source: Source,
    buckets: dict[int, bytes] | None = None,
    bronze: BronzeRows = no_rows,
) -> Partition:
    partition = Partition(settings, source, 0, TOPIC_ID, bronze)
    partition.load(buckets or {})
    return partition


def flush(partition: Partition) -> None:
    partition.settle(partition.flush())


class Scenario:
    """Plays actions on a partition; every send takes the next events of the input.

    ``events`` are canonical events at the offsets 0, 1, …; None: ingestion refused it.
    """

    def __init__(self, settings: Settings, source: Source, events: Sequence[dict[str, Any] | None]) -> None:
        self.settings = settings
        self.source = source
        self.events = events
        self.sent = 0
        self.cleaned: list[Path] = []
        """Files that landing no longer has, under names that are not a chain's; bronze has their rows."""
        self.partition = loaded(settings, source)
        self.table: dict[int, bytes] = {}
        self.old_table: dict[int, bytes] = {}
        self.internal = 0
        self.uncommitted: list[bytes] = []

    @property
    def valid(self) -> list[int]:
        """Offsets of the events that count."""
        return [offset for offset, event in enumerate(self.events) if event is not None]

    def record(self, first: int, end: int, prev: int) -> None:
        numbered = enumerate(self.events[first:end], first)
        self.append(packed(first, end - 1, prev, [(n, event) for n, event in numbered if event is not None]))

    def append(self, data: bytes) -> None:
        self.partition.append(self.internal, data)
        self.uncommitted.append(data)
        self.internal += 1

    def flush(self) -> None:
        flush(self.partition)
        self.uncommitted.clear()

    def play(self, action: str, size: int) -> None:
        end = min(self.sent + size, len(self.events))
        if action == "send" and end > self.sent:
            self.record(self.sent, end, self.sent - 1)
            self.sent = end
        elif action == "again" and self.sent:
            self.record(0, self.sent, -1)
        elif action == "overlap" and end > self.sent:
            first = max(self.sent - 2, 0)
            self.record(first, end, first - 1)
            self.sent = end
        elif action == "hole" and end > self.sent + 1:
            self.record(self.sent + 1, end, self.sent)
        elif action == "flush":
            self.flush()
        elif action == "step":
            self.play("send", size)
            self.flush()
        elif action == "idle":
            self.partition.close_idle(KAFKA_SECONDS * 10.0)
        elif action == "table":
            self.flush()
            self.old_table = dict(self.table)
            self.table = dict(self.partition.snapshot())
        elif action == "stale":
            self.table |= {bucket: value for bucket, value in self.old_table.items() if bucket % 2}
        elif action == "clean":
            self.clean()
        elif action == "lose":
            self.table = {}
        elif action in ("restart", "fail"):
            self.restart(torn=action == "fail")

    def restart(self, *, torn: bool) -> None:
        """A new process: what waited comes again, as nothing of it was committed. ``torn``: the old one died
        between landing and view."""

        class Death(Exception):
            pass

        def step(name: str) -> None:
            if name == "linked":
                raise Death

        if torn:
            with suppress(Death):
                self.partition.flush(step)
        again, self.uncommitted = self.uncommitted, []
        self.partition = loaded(self.settings, self.source, self.table, self.bronze)
        for data in again:
            self.append(data)

    def clean(self) -> None:
        """What maintenance does in time: only the newest file of the chain stays."""
        for path in chain_files(self.settings, self.source, TOPIC_ID, 0)[:-1]:
            self.cleaned.append(path.rename(path.with_suffix(".cleaned")))

    def bronze(
        self, source: Source, topic_id: str, partition: int, offset: int, day: date
    ) -> Iterator[pl.DataFrame]:
        assert (source, topic_id, partition) == (self.source, TOPIC_ID, 0)
        for path in self.cleaned:
            rows = pl.read_parquet(path, hive_partitioning=False)
            yield rows.filter(pl.col("source_offset") < offset, pl.col(source.time_field).dt.date() >= day)

    def finish(self) -> None:
        """Sends and lands the rest; then landing is whole again, for the check."""
        try:
            self._finish()
        finally:
            for path in self.cleaned:
                path.rename(path.with_suffix(".parquet"))

    def _finish(self) -> None:
        if self.sent < len(self.events):
            self.record(self.sent, len(self.events), self.sent - 1)
        self.flush()
        if self.partition.position < len(self.events) - 1:  # a hole: ingestion sends again
            self.record(self.partition.position + 1, len(self.events), self.partition.position)
            self.flush()
