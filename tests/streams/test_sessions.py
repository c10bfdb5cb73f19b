"""Sessions through arbitrary arrivals, splits into micro-batches, failures and restarts equal a plain
computation, row by row; and what the rule says at its edges."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest

from contracts.settings import Settings
from contracts.sources import CLICKSTREAM
from streams.flusher import Slot
from streams.partition import Partition
from streams.status import partition_rows, publish
from tests.examples import examples
from tests.streams.feeding import canonical_click
from tests.streams.oracle import check_landing
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
from tests.streams.session_oracle import check_final_sessions, check_sessions, read_sessions

GAP = 10
CLICK = st.tuples(
    st.integers(0, 400),
    st.sampled_from(["a", "a", "é"]),
    st.sampled_from(["s", "s", "s", "t", None, ""]),
    st.sampled_from(["page_view", "page_view", "click"]),
    st.sampled_from(["/", "/a", "/b"]),
    st.sampled_from([None, "https://x"]),
)
CLICKS = st.lists(st.one_of(CLICK, CLICK, CLICK, st.none()), min_size=12, max_size=36)


def canonical(clicks: list[Any], spread: int, pace: int) -> list[dict[str, Any] | None]:
    return [
        click
        and canonical_click(
            str(number),
            click[1],
            (click[0] % spread + number * pace) * MICRO,
            session=click[2],
            action=click[3],
            page=click[4],
            referrer=click[5],
            device=None if number % 3 else "mobile",
        )
        for number, click in enumerate(clicks)
    ]


@settings(max_examples=examples(20), suppress_health_check=[HealthCheck.too_slow])
@given(CLICKS, CLOCKS, ACTIONS, st.integers(1, 4), st.sampled_from([0, 15]), st.sampled_from([2, 1_000]))
def test_sessions_are_exact_whatever_happens(
    clicks: list[Any], clocks: tuple[int, int], actions: list[str], size: int, grace: int, pages: int
) -> None:
    with patch("streams.sessions.MAX_PAGES", pages):
        check_scenario(canonical(clicks, *clocks), actions, size, grace, pages)


def check_scenario(
    clicks: list[dict[str, Any] | None], actions: list[str], size: int, grace: int, pages: int
) -> None:
    with temporary_settings(session_gap_seconds=GAP, grace_seconds=grace) as conf:
        scenario = Scenario(conf, CLICKSTREAM, clicks)
        for action in actions:
            scenario.play(action, size)
        scenario.finish()
        check_landing(conf, TOPIC_ID, {0: scenario.valid}, {0: len(clicks)}, CLICKSTREAM)
        if scenario.valid:
            check_sessions(conf, TOPIC_ID, [0], most_pages=pages)
            if not {"idle", "clean"} & set(actions):
                check_final_sessions(conf, TOPIC_ID)


@pytest.mark.long
@pytest.mark.timeout(3600)
@settings(max_examples=1_000, suppress_health_check=list(HealthCheck))
@given(CLICKS, CLOCKS, ACTIONS, st.integers(1, 4), st.sampled_from([0, 15]), st.sampled_from([2, 1_000]))
def test_sessions_are_exact_in_many_more_cases(
    clicks: list[Any], clocks: tuple[int, int], actions: list[str], size: int, grace: int, pages: int
) -> None:
    with patch("streams.sessions.MAX_PAGES", pages):
        check_scenario(canonical(clicks, *clocks), actions, size, grace, pages)


Row = tuple[Any, ...]
SHOWN = (
    "user_id, epoch_us(session_start) // 1000000, epoch_us(session_end) // 1000000, click_count, "
    "page_sequence, is_final, is_late"
)


class Clicks:
    """Lands clicks of user `u`, (second, page) each, one flush a call."""

    def __init__(self, conf: Settings) -> None:
        self.conf = conf
        self.partition: Partition = loaded(conf, CLICKSTREAM)
        self.next = 0

    def land(self, *clicks: tuple[int, str], session: str | None = "s", action: str = "page_view") -> None:
        events = [
            (
                self.next + n,
                canonical_click(str(n), "u", at * MICRO, session=session, page=page, action=action),
            )
            for n, (at, page) in enumerate(clicks)
        ]
        through = self.next + len(events) - 1
        self.partition.append(self.next, packed(self.next, through, self.next - 1, events))
        self.next = through + 1
        flush(self.partition)

    def shown(self) -> list[Row]:
        return [row[1:] for row in read_sessions(self.conf, SHOWN)]


def test_the_gap_exactly_is_one_session_and_a_microsecond_more_is_two() -> None:
    with temporary_settings(session_gap_seconds=GAP) as conf:
        clicks = Clicks(conf)
        clicks.land((100, "/b"), (90, "/a"), (110, "/c"))
        assert clicks.shown() == [(90, 110, 3, ["/a", "/b", "/c"], False, False)]
        clicks.land((121, "/d"))
        assert [row[:3] for row in clicks.shown()] == [(90, 110, 3), (121, 121, 1)]


def test_a_click_out_of_order_bridges_two_open_sessions_and_their_keys_leave_one() -> None:
    with temporary_settings(session_gap_seconds=GAP) as conf:
        clicks = Clicks(conf)
        clicks.land((10, "/a"))
        clicks.land((25, "/c"))
        assert len(clicks.shown()) == 2
        clicks.land((18, "/b"))
        assert clicks.shown() == [(10, 25, 3, ["/a", "/b", "/c"], False, False)]
        clicks.land((2, "/0"))  # a new beginning is a new key
        assert clicks.shown() == [(2, 25, 4, ["/0", "/a", "/b", "/c"], False, False)]
        check_sessions(conf, TOPIC_ID, [0])


def test_another_session_id_splits_and_sessions_of_a_user_never_overlap() -> None:
    with temporary_settings(session_gap_seconds=GAP) as conf:
        clicks = Clicks(conf)
        clicks.land((1, "/a"), (2, "/b"), (5, "/c"), session="s")
        clicks.land((3, "/x"), session="t")
        clicks.land((6, "/y"), session=None)
        assert [row[:4] for row in clicks.shown()] == [
            (1, 2, 2, ["/a", "/b"]),
            (3, 3, 1, ["/x"]),
            (5, 5, 1, ["/c"]),
            (6, 6, 1, ["/y"]),
        ]
        check_sessions(conf, TOPIC_ID, [0])


def test_a_session_is_final_after_gap_and_grace_and_what_comes_too_late_is_a_fragment() -> None:
    with temporary_settings(session_gap_seconds=GAP, grace_seconds=5) as conf:
        clicks = Clicks(conf)
        clicks.land((100, "/a"))
        clicks.land((114, "/z"), session="t")
        assert [row[4] for row in clicks.shown()] == [False, False]
        clicks.land((115, "/y"), session="t")
        assert [row[4] for row in clicks.shown()] == [True, False]
        clicks.land((99, "/late"))  # 99 + gap + grace <= 115
        clicks.land((101, "/b"))  # not late: its session goes on
        assert [(row[0], row[2], row[4], row[5]) for row in clicks.shown()] == [
            (99, 1, True, True),
            (100, 2, False, False),
            (114, 2, False, False),
        ]
        assert clicks.partition.late_events == 1
        check_sessions(conf, TOPIC_ID, [0])


def test_a_late_click_between_two_sessions_that_have_ended_joins_neither() -> None:
    with temporary_settings(session_gap_seconds=GAP, grace_seconds=0) as conf:
        clicks = Clicks(conf)
        clicks.land((10, "/a"), (28, "/c"))
        clicks.land((100, "/z"))
        clicks.land((19, "/b"))
        assert [(row[0], row[1], row[2], row[5]) for row in clicks.shown()] == [
            (10, 10, 1, False),
            (19, 19, 1, True),
            (28, 28, 1, False),
            (100, 100, 1, False),
        ]
        check_sessions(conf, TOPIC_ID, [0])


def test_an_idle_partition_shows_its_sessions_as_final_and_still_takes_clicks() -> None:
    with temporary_settings(session_gap_seconds=GAP, grace_seconds=0, idle_close_seconds=1) as conf:
        clicks = Clicks(conf)
        clicks.land((100, "/a"))
        assert clicks.partition.close_idle(110.5) == 0
        assert clicks.partition.close_idle(111.0) == 1
        assert clicks.partition.close_idle(500.0) == 0, "once is enough"
        assert clicks.shown() == [(100, 100, 1, ["/a"], True, False)]
        clicks.land((105, "/b"))
        assert clicks.shown() == [(100, 105, 2, ["/a", "/b"], False, False)]


def test_a_path_ends_after_a_thousand_pages_and_the_counts_go_on() -> None:
    with temporary_settings(session_gap_seconds=GAP, grace_seconds=0) as conf:
        clicks = Clicks(conf)
        for begin in range(0, 1200, 300):
            clicks.land(*((second, f"/{second}") for second in range(begin, begin + 300)))
        ((start, end, count, pages, *_),) = clicks.shown()
        assert (start, end, count) == (0, 1199, 1200)
        assert pages == [f"/{second}" for second in range(1000)]
        check_sessions(conf, TOPIC_ID, [0])
        state = sum(len(content) for _, content in clicks.partition.snapshot())
        assert state < 20_000, "a session's old clicks are sums and its first pages"


def test_the_worker_tells_open_sessions_beside_open_windows() -> None:
    with temporary_settings(session_gap_seconds=GAP) as conf:
        clicks = Clicks(conf)
        clicks.land((1, "/a"), (50, "/b"))
        slots = {("clickstream", 0): Slot(clicks.partition, 0, 0, 0.0)}
        flusher: Any = SimpleNamespace(
            slots=slots,
            is_paused=False,
            failure="",
            end_offset=lambda key: 0,
            landed=2,
            flush_seconds=0.1,
        )
        (row,) = partition_rows(flusher)
        assert (row["open_windows"], row["open_sessions"], row["batch_events"]) == (0, 2, 2)
        assert (row["watermark"], row["lag_records"]) == ("1970-01-01T00:00:50.000+00:00", 0)
        publish(flusher)
        page = generate_latest().decode()
        for figure in ("batch_events", "open_sessions"):
            assert f'dp_stream_{figure}{{partition="0",source="clickstream"}} 2.0' in page
