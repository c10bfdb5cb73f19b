"""Times are cut to microseconds UTC, or refused with their field.

Covers, of the cases under "Events and collection": clocks of the future, years that are none, leap seconds,
fractions beyond microseconds.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.sources import USERS
from tests.streams.ingestion.event_records import (
    APP,
    USER,
    decode,
    microseconds,
    refusal,
    rows,
)


def app_time(text: str) -> int:
    (row,) = rows(decode({**APP, "event_timestamp": text}))
    at: int = row["event_timestamp"]
    return at


class TestTimes:
    @pytest.mark.parametrize(
        ("text", "same_as"),
        [
            ("2026-11-18T10:00:00.1234569Z", "2026-11-18T10:00:00.123456+00:00"),
            ("2026-11-18T10:00:00.999999999Z", "2026-11-18T10:00:00.999999+00:00"),
            ("2026-11-18T10:00:00.1Z", "2026-11-18T10:00:00.100000+00:00"),
            ("2026-11-18T10:00:00+05:30", "2026-11-18T04:30:00+00:00"),
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00+00:00"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"),
            ("2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.500000+00:00"),
            ("1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00+00:00"),
        ],
    )
    def test_are_cut_to_microseconds_utc(self, text: str, same_as: str) -> None:
        assert app_time(text) == microseconds(same_as)

    @given(st.datetimes(datetime(1970, 1, 1), datetime(2026, 11, 18)), st.text("0123456789", max_size=9))
    def test_no_fraction_is_ever_rounded(self, moment: datetime, finer: str) -> None:
        text = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}{finer}Z".zfill(27)
        assert app_time(text) == microseconds(moment.replace(tzinfo=UTC).isoformat())

    @pytest.mark.parametrize(
        "text",
        [
            "2026-11-18T10:00:00",
            "2026-11-18",
            "0000-01-01T00:00:00Z",
            "-5965-01-01T00:00:00Z",
            "+010000-01-01T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "1969-12-31T23:59:59.999999Z",
            "0001-01-01T00:00:00+05:30",
            "2026-11-17T16:01:60Z",
            "2026-11-17T23:59:60Z",
            "2016-12-31T23:59:61Z",
            "2016-12-31T23:59:60",
            "",
            "now",
        ],
    )
    def test_that_are_none_are_refused(self, text: str) -> None:
        assert refusal({**APP, "event_timestamp": text}) == ("bad_timestamp", "$.event_timestamp")

    @pytest.mark.parametrize("text", ["2026-11-19T11:00:00Z", "9999-12-31T23:59:59.999999Z"])
    def test_of_the_future_are_refused(self, text: str) -> None:
        assert refusal({**APP, "event_timestamp": text}) == ("future_timestamp", "$.event_timestamp")

    def test_may_run_ahead_by_the_skew_and_no_more(self) -> None:
        edge = {**APP, "event_timestamp": "2026-11-18T11:11:40Z"}
        beyond = {**APP, "event_timestamp": "2026-11-18T11:11:40.000001Z"}
        decoded = decode(edge, beyond)
        assert decoded.offsets == [0]
        assert decoded.rejected[0].error.kind == "future_timestamp"

    def test_hold_for_every_time_of_a_record(self) -> None:
        late = {**USER, "signup_timestamp": "9999-01-01T00:00:00Z"}
        assert refusal(late, USERS) == ("future_timestamp", "$.signup_timestamp")
