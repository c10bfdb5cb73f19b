"""A partition through arbitrary arrivals, flushes, replays, overlaps, holes, failures and restarts: landing
holds every event once and the windows equal a plain recomputation."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.errors import ConflictError, ContractError
from contracts.settings import Settings
from contracts.sources import APP_EVENTS
from streams.partition import Partition
from tests.examples import examples
from tests.streams.feeding import canonical_event
from tests.streams.oracle import check_final_windows, check_landing, check_windows
from tests.streams.scenario import (
    ACTIONS,
    CLOCKS,
    MICRO,
    TOPIC_ID,
    Scenario,
    flush,
    loaded,
    packed,
    temporary_settings,
)


def packed_events(
    first: int,
    through: int,
    prev: int,
    events: list[tuple[int, int, str, float | None]],
    topic_id: str = TOPIC_ID,
) -> bytes:
    """A record of (offset, event time in seconds, user, value) events."""
    numbered = [(offset, event_of(offset, at, user, value)) for offset, at, user, value in events]
    return packed(first, through, prev, numbered, topic_id)


def event_of(offset: int, at: int, user: str, value: float | None) -> dict[str, object]:
    return canonical_event(str(offset), user, "purchase" if value else "error", at * MICRO, value)


def loaded_events(conf: Settings) -> Partition:
    return loaded(conf, APP_EVENTS)


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.sampled_from(["a", "a", "b", "é"]),
        st.sampled_from([None, 0.25, 3.5, -1.0]),
        st.booleans(),
    ),
    min_size=12,
    max_size=40,
)


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow])
@given(EVENTS, CLOCKS, ACTIONS, st.integers(1, 7), st.sampled_from([0, 20]))
def test_landing_and_windows_are_exact_whatever_happens(
    events: list[tuple[int, str, float | None, bool]],
    clocks: tuple[int, int],
    actions: list[str],
    size: int,
    grace: int,
) -> None:
    spread, pace = clocks
    with temporary_settings(window_seconds=10, grace_seconds=grace) as conf:
        canonical = [
            event_of(n, at % spread + n * pace, user, value) if ok else None
            for n, (at, user, value, ok) in enumerate(events)
        ]
        scenario = Scenario(conf, APP_EVENTS, canonical)
        for action in actions:
            scenario.play(action, size)
        scenario.finish()
        check_landing(conf, TOPIC_ID, {0: scenario.valid}, {0: len(events)})
        if scenario.valid:
            check_windows(conf, TOPIC_ID, [0])
            if not {"idle", "clean"} & set(actions):
                check_final_windows(conf, TOPIC_ID)


def test_an_old_owner_that_flushes_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    with temporary_settings() as conf:
        old, new = loaded_events(conf), loaded_events(conf)
        data = packed_events(0, 1, -1, [(0, 5, "a", None), (1, 6, "a", 1.0)])
        old.append(0, data)
        new.append(0, data)
        flush(new)
        with pytest.raises(ConflictError, match="another worker"):
            old.flush()
        assert len(old.waiting) == 1
        check_landing(conf, TOPIC_ID, {0: [0, 1]}, {0: 2})


def test_a_hole_is_noted_and_closed_when_the_records_come_again() -> None:
    with temporary_settings() as conf:
        partition = loaded_events(conf)
        partition.append(0, packed_events(5, 5, 4, [(5, 1, "a", None)]))
        flushed = partition.flush()
        partition.settle(flushed)
        assert (flushed.rows, flushed.commit, partition.position) == (0, 1, -1)
        assert partition.hole_since is not None
        partition.append(1, packed_events(0, 5, -1, [(0, 1, "a", None), (5, 1, "a", None)]))
        flush(partition)
        assert partition.hole_since is None
        check_landing(conf, TOPIC_ID, {0: [0, 5]}, {0: 6})


def test_a_record_without_events_moves_the_chain() -> None:
    with temporary_settings() as conf:
        partition = loaded_events(conf)
        partition.append(0, packed_events(0, 9, -1, []))
        flush(partition)
        assert partition.position == 9
        assert loaded_events(conf).position == 9
        check_landing(conf, TOPIC_ID, {0: []}, {0: 10})


def test_unreadable_records_leave_a_hole_and_never_stop_the_partition() -> None:
    with temporary_settings() as conf:
        partition = loaded_events(conf)
        good = packed_events(0, 0, -1, [(0, 1, "a", None)])
        broken = packed_events(1, 1, 0, [(1, 1, "a", None)])[:-100]
        partition.append(0, good)
        partition.append(1, broken)
        partition.append(2, b"\x07junk")
        partition.append(3, packed_events(2, 2, 1, [(2, 1, "a", None)]))
        flush(partition)
        assert (partition.position, partition.unreadable) == (0, 2)
        assert partition.hole_since is not None
        partition.append(4, packed_events(1, 2, 0, [(1, 1, "a", None), (2, 1, "a", None)]))
        flush(partition)
        check_landing(conf, TOPIC_ID, {0: [0, 1, 2]}, {0: 3})


def test_records_of_another_topic_of_the_same_name_are_not_landed() -> None:
    with temporary_settings() as conf:
        partition = loaded_events(conf)
        partition.append(0, packed_events(0, 3, -1, [(0, 1, "a", None)], topic_id="topic-0"))
        flush(partition)
        assert (partition.position, partition.foreign) == (-1, 1)


def test_a_fast_clock_makes_nobody_else_late() -> None:
    with temporary_settings(window_seconds=60, grace_seconds=0) as conf:
        partition = loaded_events(conf)
        # Kafka's own timestamp is second 2,000; this event says a day later.
        partition.append(0, packed_events(0, 0, -1, [(0, 88_400, "a", None)]))
        flush(partition)
        assert partition.watermark == 2_000 * MICRO
        partition.append(1, packed_events(1, 1, 0, [(1, 1_999, "b", None)]))
        flush(partition)
        assert partition.late_events == 0


def test_a_damaged_newest_file_stops_the_load_with_its_name(tmp_path: Path) -> None:
    with temporary_settings() as conf:
        partition = loaded_events(conf)
        partition.append(0, packed_events(0, 0, -1, [(0, 1, "a", None)]))
        flush(partition)
        (path,) = (conf.data_root / "landing").rglob("*.parquet")
        path.write_bytes(path.read_bytes()[:100])
        with pytest.raises(ContractError, match=r"00000000000000000000\.parquet is damaged"):
            loaded_events(conf)


def test_an_idle_partition_shows_final_rows_and_still_takes_events() -> None:
    with temporary_settings(window_seconds=60, grace_seconds=0, idle_close_seconds=1) as conf:
        partition = loaded_events(conf)
        partition.append(0, packed_events(0, 0, -1, [(0, 61, "a", None)]))
        flush(partition)
        assert partition.close_idle(100.0) == 0
        assert partition.close_idle(121.5) == 1
        assert partition.close_idle(200.0) == 0, "once is enough"
        partition.append(1, packed_events(1, 1, 0, [(1, 62, "a", None)]))
        flush(partition)
        assert partition.late_events == 0
        check_windows(conf, TOPIC_ID, [0])
