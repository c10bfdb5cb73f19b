"""Events that are sent again are the same ones, later."""

from __future__ import annotations

from datetime import timedelta

from runtime.bench.streams.events import _later


def test_only_the_events_own_times_move() -> None:
    lines = (
        b'{"event_id":"a","event_timestamp":"2026-11-18T23:59:50Z","properties":{"at":"2026-11-18T23:59:50Z"}}\n'
        b'{"click_id":"b","click_timestamp":"2026-11-18T23:58:19.000200Z"}\n'
    )
    assert _later(lines, timedelta(seconds=100)) == (
        b'{"event_id":"a","event_timestamp":"2026-11-19T00:01:30Z","properties":{"at":"2026-11-18T23:59:50Z"}}\n'
        b'{"click_id":"b","click_timestamp":"2026-11-18T23:59:59.000200Z"}\n'
    )
    assert _later(lines, timedelta(0)) == lines
