"""Decoding keeps what the contract keeps, and one bad record spoils only itself."""

from __future__ import annotations

import json
import random
from typing import Any

import polars as pl
import pytest

from contracts.landing import LANDING
from contracts.settings import Settings
from contracts.sources import APP_EVENTS, CLICKSTREAM, EXTERNAL_DATA, SOURCES, USERS, Source
from streams.ingestion.canonical import canonical_columns, form_of
from streams.ingestion.debezium.changes import Change
from streams.ingestion.decoding import BatchDecoder
from streams.payload import from_payload, to_payload
from tests.streams.ingestion.event_records import (
    APP,
    CLICK,
    EXAMPLES,
    NOW,
    USER,
    Record,
    as_bytes,
    columns,
    decode,
    microseconds,
    refusal,
    rows,
)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_canonical_events_have_exactly_the_landing_columns_of_their_own(source: Source) -> None:
    names = Change.__struct_fields__ if source.name == "cdc_changes" else form_of(source).names
    assert sorted(names) == sorted(canonical_columns(source))


@pytest.mark.parametrize("source", [APP_EVENTS, CLICKSTREAM, USERS, EXTERNAL_DATA], ids=lambda s: s.name)
def test_polars_reads_the_payload_by_the_landing_schema(source: Source) -> None:
    sample = EXAMPLES[source.name]
    decoded = decode(sample, {**sample, "novel": {"a": [1]}}, source=source)
    frame = pl.DataFrame(pl.from_arrow(from_payload(source, to_payload([decoded.rows, decoded.rows]))))
    landing = pl.Schema(LANDING[source.name])
    assert frame.schema == {name: landing[name] for name in canonical_columns(source)}
    assert frame.height == 4
    assert json.loads(frame[source.overflow_field][3]) == {"novel": {"a": [1]}}
    assert frame[source.time_field].dt.epoch("us").to_list() == [microseconds("2026-11-18T10:00:00Z")] * 4


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
            decoded = decoder.decode(columns([Record(as_bytes(APP), headers=headers)]), NOW)
            assert decoded.systems == [system]


def test_kafka_timestamps_that_are_absent_or_ahead_become_the_clock() -> None:
    decoder = BatchDecoder(Settings(), APP_EVENTS)
    times = [5, -1, NOW // 1000 + 1, 2**62]
    records = [Record(as_bytes(APP), offset, timestamp=at) for offset, at in enumerate(times)]
    assert decoder.decode(columns(records), NOW).timestamps_ms == [5, *[NOW // 1000] * 3]


def test_a_case_that_decoding_does_not_know_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise KeyError("novel")

    monkeypatch.setattr("streams.ingestion.lenient.decode", broken)
    decoder = BatchDecoder(Settings(), CLICKSTREAM)
    good, bad = Record(as_bytes(CLICK), 0), Record(b"{}", 1)
    decoded = decoder.decode(columns([good, bad, good]), NOW)
    assert len(decoded.offsets) == 2
    assert [rejected.error.kind for rejected in decoded.rejected] == ["undecodable"]


def test_a_batch_comes_to_what_each_of_its_records_comes_to_alone() -> None:
    chance = random.Random(5)
    poison = [
        b"{",
        b'{"a":1},{"b":2}',
        {**APP, "event_type": "Login"},
        {**APP, "user_id": " "},
        {**APP, "properties": [1]},
        {**APP, "event_timestamp": "1969-12-31T23:59:59Z"},
        {**APP, "event_timestamp": "2026-11-18T10:00:00.1234567Z"},
        {**APP, "novel": 1},
        {**APP, "properties": {"a": "\u00e9", "b": 2**70}},
        None,
    ]
    for share, count in ((0.002, 1_000), (0.05, 200), (0.5, 200)):
        values = [
            chance.choice(poison) if chance.random() < share else {**APP, "event_id": f"e{number}"}
            for number in range(count)
        ]
        records = [Record(as_bytes(value), offset) for offset, value in enumerate(values)]
        decoder = BatchDecoder(Settings(), APP_EVENTS)
        together = decoder.decode(columns(records), NOW)
        alone = [decoder.decode(columns([record]), NOW) for record in records]
        assert rows(together) == [row for each in alone for row in rows(each)]
        assert together.offsets == [offset for each in alone for offset in each.offsets]
        assert [r.error.args for r in together.rejected] == [r.error.args for d in alone for r in d.rejected]
