"""A partition through arbitrary arrivals, flushes, replays, overlaps, holes, failures and restarts: landing
holds every event once and the windows equal a plain recomputation."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.configuration import load
from contracts.errors import ConflictError, ContractError
from contracts.settings import Settings
from contracts.sources import APP_EVENTS
from streams.packing import encode
from streams.partition import Partition
from tests.streams.feeding import canonical_event, payload_of
from tests.streams.oracle import check_landing, check_windows

TOPIC_ID = "topic-1"
MICRO = 1_000_000


@contextmanager
def temporary_settings(**streams: object) -> Iterator[Settings]:
    with tempfile.TemporaryDirectory() as folder:
        flags = {f"streams.{key}": value for key, value in streams.items()}
        yield load(flags={"paths.data": folder, **flags}, environ={}).settings


def packed(
    first: int,
    through: int,
    prev: int,
    events: list[tuple[int, int, str, float | None]],
    topic_id: str = TOPIC_ID,
) -> bytes:
    """A record of (offset, event time in seconds, user, value) events."""
    return encode(
        topic_id=topic_id,
        prev=prev,
        first=first,
        through=through,
        ingest_timestamp=10_000 * MICRO,
        offsets=[offset for offset, *_ in events],
        source_timestamps_ms=[2_000_000] * len(events),
        source_systems=["simulator"] * len(events),
        payload=payload_of(
            [
                canonical_event(str(offset), user, "purchase" if value else "error", at * MICRO, value)
                for offset, at, user, value in events
            ]
        ),
    )


def loaded(settings: Settings, buckets: dict[int, bytes] | None = None) -> Partition:
    partition = Partition(settings, APP_EVENTS, 0, TOPIC_ID)
    partition.load(buckets or {})
    return partition


def flush(partition: Partition) -> None:
    partition.settle(partition.flush())


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.sampled_from(["a", "b", "é", "user-x"]),
        st.sampled_from([None, 0.25, 3.5, -1.0]),
        st.booleans(),
    ),
    min_size=1,
    max_size=40,
)
ACTIONS = st.lists(
    st.sampled_from(["send", "again", "overlap", "hole", "flush", "table", "restart", "fail", "stale"]),
    min_size=1,
    max_size=40,
)


class Scenario:
    """Plays actions on a partition; every send takes the next events of the input."""

    def __init__(self, settings: Settings, events: list[tuple[int, str, float | None, bool]]) -> None:
        self.settings = settings
        self.events = [(offset, *event) for offset, event in enumerate(events)]
        self.sent = 0
        self.partition = loaded(settings)
        self.table: dict[int, bytes] = {}
        self.old_table: dict[int, bytes] = {}
        self.internal = 0
        self.uncommitted: list[bytes] = []

    def record(self, first: int, end: int, prev: int) -> None:
        valid = [(offset, at, user, value) for offset, at, user, value, ok in self.events[first:end] if ok]
        self.append(packed(first, end - 1, prev, valid))

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
        elif action == "table":
            self.flush()
            self.old_table = dict(self.table)
            self.table = dict(self.partition.snapshot())
        elif action == "stale":
            self.table |= {bucket: value for bucket, value in self.old_table.items() if bucket % 2}
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
        self.partition = loaded(self.settings, self.table)
        for data in again:
            self.append(data)

    def finish(self) -> None:
        if self.sent < len(self.events):
            self.record(self.sent, len(self.events), self.sent - 1)
        self.flush()
        if self.partition.position < len(self.events) - 1:  # a hole: ingestion sends again
            self.record(self.partition.position + 1, len(self.events), self.partition.position)
            self.flush()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(EVENTS, ACTIONS, st.integers(1, 7))
def test_landing_and_windows_are_exact_whatever_happens(
    events: list[tuple[int, str, float | None, bool]], actions: list[str], size: int
) -> None:
    with temporary_settings(window_seconds=10, grace_seconds=20) as conf:
        scenario = Scenario(conf, events)
        for action in actions:
            scenario.play(action, size)
        scenario.finish()
        valid = [offset for offset, *_, ok in scenario.events if ok]
        check_landing(conf, TOPIC_ID, {0: valid}, {0: len(events)})
        if valid:
            check_windows(conf, TOPIC_ID, [0])


def test_an_old_owner_that_flushes_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    with temporary_settings() as conf:
        old, new = loaded(conf), loaded(conf)
        data = packed(0, 1, -1, [(0, 5, "a", None), (1, 6, "a", 1.0)])
        old.append(0, data)
        new.append(0, data)
        flush(new)
        with pytest.raises(ConflictError, match="another worker"):
            old.flush()
        assert len(old.waiting) == 1
        check_landing(conf, TOPIC_ID, {0: [0, 1]}, {0: 2})


def test_a_hole_is_noted_and_closed_when_the_records_come_again() -> None:
    with temporary_settings() as conf:
        partition = loaded(conf)
        partition.append(0, packed(5, 5, 4, [(5, 1, "a", None)]))
        flushed = partition.flush()
        partition.settle(flushed)
        assert (flushed.rows, flushed.commit, partition.position) == (0, 1, -1)
        assert partition.hole_since is not None
        partition.append(1, packed(0, 5, -1, [(0, 1, "a", None), (5, 1, "a", None)]))
        flush(partition)
        assert partition.hole_since is None
        check_landing(conf, TOPIC_ID, {0: [0, 5]}, {0: 6})


def test_a_record_without_events_moves_the_chain() -> None:
    with temporary_settings() as conf:
        partition = loaded(conf)
        partition.append(0, packed(0, 9, -1, []))
        flush(partition)
        assert partition.position == 9
        assert loaded(conf).position == 9
        check_landing(conf, TOPIC_ID, {0: []}, {0: 10})


def test_unreadable_records_leave_a_hole_and_never_stop_the_partition() -> None:
    with temporary_settings() as conf:
        partition = loaded(conf)
        good = packed(0, 0, -1, [(0, 1, "a", None)])
        broken = packed(1, 1, 0, [(1, 1, "a", None)]).replace(b'"event_timestamp":', b'"event_timestamp":x')
        partition.append(0, good)
        partition.append(1, broken)
        partition.append(2, b"\x07junk")
        partition.append(3, packed(2, 2, 1, [(2, 1, "a", None)]))
        flush(partition)
        assert (partition.position, partition.unreadable) == (0, 2)
        assert partition.hole_since is not None
        partition.append(4, packed(1, 2, 0, [(1, 1, "a", None), (2, 1, "a", None)]))
        flush(partition)
        check_landing(conf, TOPIC_ID, {0: [0, 1, 2]}, {0: 3})


def test_records_of_another_topic_of_the_same_name_are_not_landed() -> None:
    with temporary_settings() as conf:
        partition = loaded(conf)
        partition.append(0, packed(0, 3, -1, [(0, 1, "a", None)], topic_id="topic-0"))
        flush(partition)
        assert (partition.position, partition.foreign) == (-1, 1)


def test_a_fast_clock_makes_nobody_else_late() -> None:
    with temporary_settings(window_seconds=60, grace_seconds=0) as conf:
        partition = loaded(conf)
        # Kafka's own timestamp is second 2,000; this event says a day later.
        partition.append(0, packed(0, 0, -1, [(0, 88_400, "a", None)]))
        flush(partition)
        assert partition.watermark == 2_000 * MICRO
        partition.append(1, packed(1, 1, 0, [(1, 1_999, "b", None)]))
        flush(partition)
        assert partition.late_events == 0


def test_a_damaged_newest_file_stops_the_load_with_its_name(tmp_path: Path) -> None:
    with temporary_settings() as conf:
        partition = loaded(conf)
        partition.append(0, packed(0, 0, -1, [(0, 1, "a", None)]))
        flush(partition)
        (path,) = (conf.data_root / "landing").rglob("*.parquet")
        path.write_bytes(path.read_bytes()[:100])
        with pytest.raises(ContractError, match=r"00000000000000000000\.parquet is damaged"):
            loaded(conf)


def test_an_idle_partition_shows_final_rows_and_still_takes_events() -> None:
    with temporary_settings(window_seconds=60, grace_seconds=0, idle_close_seconds=1) as conf:
        partition = loaded(conf)
        partition.append(0, packed(0, 0, -1, [(0, 61, "a", None)]))
        flush(partition)
        assert partition.close_idle(100.0) == 0
        assert partition.close_idle(121.5) == 1
        assert partition.close_idle(200.0) == 0, "once is enough"
        partition.append(1, packed(1, 1, 0, [(1, 62, "a", None)]))
        flush(partition)
        assert partition.late_events == 0
        check_windows(conf, TOPIC_ID, [0])
