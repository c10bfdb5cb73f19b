"""Decoding keeps what the contract keeps, refuses what it refuses, and one bad record spoils only itself."""

from __future__ import annotations

import calendar
import json
import math
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.landing import LANDING
from contracts.settings import Ingestion, Settings
from contracts.sources import APP_EVENTS, CLICKSTREAM, EXTERNAL_DATA, SOURCES, USERS, Source
from streams.ingestion.canonical import canonical_columns, form_of
from streams.ingestion.debezium.changes import Change
from streams.ingestion.decoding import BatchDecoder, Decoded

NOW = 1_795_000_000_000_000
"""Ingestion's clock in these tests, 2026-11-18T11:06:40Z, microseconds."""
APP = {
    "event_id": "e1",
    "user_id": "u1",
    "event_type": "login",
    "app_type": "web",
    "event_timestamp": "2026-11-18T10:00:00Z",
}
CLICK = {
    "click_id": "c1",
    "user_id": "u1",
    "click_timestamp": "2026-11-18T10:00:00Z",
    "action": "click",
    "page_url": "/",
}
USER = {"user_id": "u1", "updated_at": "2026-11-18T10:00:00Z"}
EXTERNAL = {
    "record_id": "r1",
    "source": "weather",
    "metric": "temperature",
    "value": -3.5,
    "observed_at": "2026-11-18T10:00:00Z",
}
EXAMPLES: dict[str, dict[str, Any]] = {
    APP_EVENTS.name: APP,
    CLICKSTREAM.name: CLICK,
    USERS.name: USER,
    EXTERNAL_DATA.name: EXTERNAL,
}


class Record(NamedTuple):
    value: bytes | None
    offset: int = 0
    topic: str = "topic_app_events"
    partition: int = 0
    timestamp: int = 1_794_999_000_000
    key: bytes | None = b"k"
    headers: tuple[tuple[str, bytes | None], ...] = ()


def decode(*values: Any, source: Source = APP_EVENTS, configured: Settings | None = None) -> Decoded:
    """Decodes values (dicts, texts or bytes) as one batch, from a cold and again from a warm decoder."""
    records = [Record(_bytes(value), offset) for offset, value in enumerate(values)]
    decoder = BatchDecoder(configured or Settings(), source)
    cold, warm = decoder.decode(records, NOW), decoder.decode(records, NOW)
    assert cold.payload() == warm.payload()
    assert [r.error.args for r in cold.rejected] == [r.error.args for r in warm.rejected]
    assert cold.payload().count(b"\n") == len(cold.offsets)
    return warm


def rows(decoded: Decoded) -> list[dict[str, Any]]:
    return [json.loads(line) for line in decoded.payload().splitlines()]


def refusal(value: Any, source: Source = APP_EVENTS) -> tuple[str, str]:
    """Kind and field path of the refusal of one value that stands between two good ones."""
    good = EXAMPLES[source.name]
    decoded = decode(good, value, good, source=source)
    assert decoded.offsets == [0, 2]
    (rejected,) = decoded.rejected
    assert rejected.record.offset == 1
    assert str(rejected.error) == f"{rejected.error.path}: {rejected.error.expectation}"
    return rejected.error.kind, rejected.error.path


def app_time(text: str) -> int:
    (row,) = rows(decode({**APP, "event_timestamp": text}))
    at: int = row["event_timestamp"]
    return at


def microseconds(text: str) -> int:
    """An independent reading of a time with at most six digits of fraction."""
    moment = datetime.fromisoformat(text)
    return calendar.timegm(moment.utctimetuple()) * 1_000_000 + moment.microsecond


def _bytes(value: Any) -> bytes | None:
    if isinstance(value, dict):
        return json.dumps(value).encode()
    return value.encode() if isinstance(value, str) else value


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_canonical_events_have_exactly_the_landing_columns_of_their_own(source: Source) -> None:
    struct = Change if source.name == "cdc_changes" else form_of(source).loose
    assert sorted(struct.__struct_fields__) == sorted(canonical_columns(source))


@pytest.mark.parametrize("source", [APP_EVENTS, CLICKSTREAM, USERS, EXTERNAL_DATA], ids=lambda s: s.name)
def test_polars_reads_the_payload_by_the_landing_schema(source: Source) -> None:
    sample = EXAMPLES[source.name]
    decoded = decode(sample, {**sample, "novel": {"a": [1]}}, source=source)
    schema = {
        name: pl.Int64 if str(LANDING[source.name].field(name).type).startswith("timestamp") else dtype
        for name, dtype in pl.from_arrow(LANDING[source.name].empty_table()).schema.items()  # type: ignore[union-attr]
        if name in canonical_columns(source)
    }
    frame = pl.read_ndjson(decoded.payload(), schema=schema)
    assert frame.height == 2
    assert json.loads(frame[source.overflow_field][1]) == {"novel": {"a": [1]}}
    assert frame[source.time_field].to_list() == [microseconds("2026-11-18T10:00:00Z")] * 2


def test_all_fields_arrive() -> None:
    full = {
        **APP,
        "session_id": "s",
        "platform": "ios",
        "app_version": "1.2",
        "country": "DE",
        "event_value": 9.5,
        "response_time_ms": 12,
        "status_code": 200,
        "error_code": "E",
        "properties": {"a": {"b": [1, None, "ü"]}},
    }
    (row,) = rows(decode(full))
    assert json.loads(row.pop("properties")) == full["properties"]
    expected = {**full, "event_timestamp": microseconds("2026-11-18T10:00:00Z")}
    del expected["properties"]
    assert row == expected


class TestUnknownFields:
    def test_are_kept_in_properties(self) -> None:
        (row,) = rows(decode({**APP, "properties": {"a": 1}, "novel": "x", "list": [1]}))
        assert json.loads(row["properties"]) == {"a": 1, "novel": "x", "list": [1]}

    def test_are_kept_in_extra_where_there_are_no_properties(self) -> None:
        (row,) = rows(decode({**USER, "novel": 1, "extra": {"own": True}}, source=USERS))
        assert json.loads(row["extra"]) == {"novel": 1, "extra": {"own": True}}

    def test_do_not_overwrite_a_property_of_the_same_name(self) -> None:
        (row,) = rows(decode({**APP, "properties": {"a": 1}, "a": 2}))
        assert json.loads(row["properties"]) == {"a": 1, "a_": 2}

    def test_with_invalid_utf8_are_refused_alone(self) -> None:
        bad = json.dumps(APP).encode()[:-1] + b',"novel":"\xff"}'
        assert refusal(bad) == ("invalid_utf8", "$")


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

    @settings(deadline=None)
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


class TestRefusals:
    @pytest.mark.parametrize(
        ("value", "kind", "path"),
        [
            (None, "empty", "$"),
            (b"", "empty", "$"),
            (b"\x00\x01\xfe", "malformed_json", "$"),
            (b"{", "malformed_json", "$"),
            (b"null", "not_an_object", "$"),
            (b"[1]", "not_an_object", "$"),
            (b"7", "not_an_object", "$"),
            (json.dumps(APP).encode() + b"x", "malformed_json", "$"),
            (json.dumps(APP).encode("utf-16"), "malformed_json", "$"),
            ({k: v for k, v in APP.items() if k != "user_id"}, "missing_field", "$"),
            ({**APP, "user_id": None}, "wrong_type", "$.user_id"),
            ({**APP, "user_id": 5}, "wrong_type", "$.user_id"),
            ({**APP, "user_id": ""}, "out_of_range", "$.user_id"),
            ({**APP, "user_id": " \t\u3000"}, "out_of_range", "$.user_id"),
            ({**APP, "user_id": "u" * 257}, "out_of_range", "$.user_id"),
            ({**APP, "event_id": "e" * 129}, "out_of_range", "$.event_id"),
            ({**APP, "event_id": "a\nb"}, "out_of_range", "$.event_id"),
            ({**APP, "event_type": "Login"}, "out_of_range", "$.event_type"),
            ({**APP, "event_type": "login\n"}, "out_of_range", "$.event_type"),
            ({**APP, "app_type": "desktop"}, "out_of_range", "$.app_type"),
            ({**APP, "country": "de"}, "out_of_range", "$.country"),
            ({**APP, "status_code": 99}, "out_of_range", "$.status_code"),
            ({**APP, "status_code": 200.5}, "wrong_type", "$.status_code"),
            ({**APP, "response_time_ms": -1}, "out_of_range", "$.response_time_ms"),
            ({**APP, "event_value": "9"}, "wrong_type", "$.event_value"),
            ({**APP, "event_value": math.nan}, "malformed_json", "$"),
            ({**APP, "event_value": math.inf}, "malformed_json", "$"),
            ({**APP, "properties": [1]}, "wrong_type", "$.properties"),
            ({**APP, "event_timestamp": 1_763_000_000}, "wrong_type", "$.event_timestamp"),
        ],
    )
    def test_name_the_field_and_the_kind(self, value: Any, kind: str, path: str) -> None:
        assert refusal(value) == (kind, path)

    def test_numbers_out_of_range(self) -> None:
        text = json.dumps(APP)[:-1]
        assert refusal(text + ',"event_value":1e400}')[0] == "out_of_range"
        assert refusal(text + ',"properties":{"n":' + "9" * 5000 + "}}")[0] == "out_of_range"

    def test_a_lone_surrogate_spoils_only_its_own_record(self) -> None:
        text = json.dumps(APP)[:-1]
        decoded = decode(APP, text + ',"platform":"cut \\ud83d"}', text + ',"properties":{"\\ude00":1}}', APP)
        assert decoded.offsets == [0, 3]
        assert all("surrogate" in rejected.error.expectation for rejected in decoded.rejected)

    @pytest.mark.parametrize("depth", [501, 2_000, 200_000])
    def test_deep_nesting_is_a_dead_letter(self, depth: int) -> None:
        text = json.dumps(APP)[:-1]
        assert refusal(text + ',"properties":{"a":' + "[" * depth + "]" * depth + "}}")[0] == "too_deep"
        assert refusal(text + ',"novel":' + "[" * depth + "]" * depth + "}")[0] == "too_deep"
        assert refusal("[" * depth)[0] == "too_deep"

    def test_a_record_over_the_size_limit(self) -> None:
        small = Settings(ingestion=Ingestion(max_record_bytes=300))
        decoded = decode(APP, {**APP, "properties": {"a": "x" * 300}}, APP, configured=small)
        assert decoded.offsets == [0, 2]
        assert decoded.rejected[0].error.kind == "too_large"

    @settings(deadline=None)
    @given(st.binary(max_size=200))
    def test_any_bytes_are_an_event_or_a_dead_letter(self, value: bytes) -> None:
        decoded = decode(APP, value, APP)
        assert len(decoded.offsets) + len(decoded.rejected) == 3
        assert {0, 2} <= set(decoded.offsets)


class TestFaithfulness:
    def test_a_byte_order_mark_is_taken_off(self) -> None:
        assert rows(decode(b"\xef\xbb\xbf" + json.dumps(APP).encode())) == rows(decode(APP))

    def test_of_equal_keys_the_last_wins(self) -> None:
        text = json.dumps(APP)[:-1] + ',"user_id":"u2","properties":{"a":1,"a":2}}'
        for value in (text, text[:-1] + ',"novel":1}'):
            (row,) = rows(decode(value))
            assert row["user_id"] == "u2"
            assert json.loads(row["properties"])["a"] == 2

    def test_pretty_printed_json_is_one_line(self) -> None:
        pretty = json.dumps({**APP, "properties": {"a": [1, {"b": 2}]}}, indent=4)
        decoded = decode(pretty)
        assert decoded.payload().count(b"\n") == 1

    def test_nul_is_stored_through_parquet(self, tmp_path: Any) -> None:
        decoded = decode({**APP, "user_id": "a\u0000b", "properties": {"t": "x\u0000"}})
        frame = pl.read_ndjson(decoded.payload(), schema={"user_id": pl.String, "properties": pl.String})
        frame.write_parquet(tmp_path / "nul.parquet")
        (row,) = pl.read_parquet(tmp_path / "nul.parquet").to_dicts()
        assert row["user_id"] == "a\u0000b"
        assert json.loads(row["properties"]) == {"t": "x\u0000"}

    @pytest.mark.parametrize("number", [9007199254740993, 9223372036854775806, 2**64 + 1, -(2**70)])
    def test_whole_numbers_keep_every_digit(self, number: int) -> None:
        (row,) = rows(decode({**APP, "properties": {"n": number}, "novel": number}))
        assert json.loads(row["properties"]) == {"n": number, "novel": number}

    @settings(deadline=None)
    @given(
        st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
            st.recursive(
                st.none()
                | st.booleans()
                | st.integers()
                | st.floats(allow_nan=False, allow_infinity=False)
                | st.text(st.characters(exclude_categories=["Cs"])),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("k"), inner),
                max_leaves=6,
            ),
            max_size=4,
        )
    )
    def test_properties_come_back_equal(self, properties: dict[str, Any]) -> None:
        (row,) = rows(decode({**APP, "properties": properties}))
        assert json.loads(row["properties"]) == properties

    @settings(deadline=None)
    @given(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300),
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=150),
    )
    def test_the_fast_path_accepts_nothing_that_the_contract_refuses(self, user: str, event: str) -> None:
        value = {**APP, "user_id": user, "event_id": event}
        try:
            msgspec.convert(value, APP_EVENTS.event)
            valid = True
        except msgspec.ValidationError:
            valid = False
        assert len(decode(value).offsets) == valid


class TestSourceSystem:
    @pytest.mark.parametrize(
        ("headers", "system"),
        [
            ((), "unknown"),
            ((("source", b"simulator"),), "simulator"),
            ((("x", b"1"), ("source", b"my-shop")), "my-shop"),
            ((("source", b""),), "unknown"),
            ((("source", None),), "unknown"),
            ((("source", b"\xff\n"),), "unknown"),
            ((("source", b"x" * 65),), "unknown"),
        ],
    )
    def test_is_the_header_or_unknown(
        self, headers: tuple[tuple[str, bytes | None], ...], system: str
    ) -> None:
        decoder = BatchDecoder(Settings(), APP_EVENTS)
        for _ in range(2):
            decoded = decoder.decode([Record(_bytes(APP), headers=headers)], NOW)
            assert decoded.systems == [system]


def test_kafka_timestamps_that_are_absent_or_ahead_become_the_clock() -> None:
    decoder = BatchDecoder(Settings(), APP_EVENTS)
    times = [5, -1, NOW // 1000 + 1, 2**62]
    records = [Record(_bytes(APP), offset, timestamp=at) for offset, at in enumerate(times)]
    assert decoder.decode(records, NOW).timestamps_ms == [5, *[NOW // 1000] * 3]


def test_a_case_that_decoding_does_not_know_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise KeyError("novel")

    monkeypatch.setattr("streams.ingestion.lenient.decode", broken)
    decoder = BatchDecoder(Settings(), CLICKSTREAM)
    good, bad = Record(_bytes(CLICK), 0), Record(b"{}", 1)
    decoded = decoder.decode([good, bad, good], NOW)
    assert len(decoded.offsets) == 2
    assert [rejected.error.kind for rejected in decoded.rejected] == ["undecodable"]
