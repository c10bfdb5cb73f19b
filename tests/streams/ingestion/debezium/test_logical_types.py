"""Every value is decoded by its schema's name; without a schema it stays as it came, and is marked so.

Covers, of the cases under "Change events": decimals; dates and times, also before 1970 and before 1582.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.ingestion.debezium import decimals
from streams.ingestion.debezium.logical_types import LOGICAL_TYPES
from tests.examples import examples
from tests.streams.ingestion.change_records import POSTGRES, change, envelope, refusal, wrapped

CONNECT = "org.apache.kafka.connect.data."
TIME = "io.debezium.time."
DATA = "io.debezium.data."
DATE = {"type": "int32", "name": TIME + "Date"}


def column(name: str, kind: str, **parameters: str) -> dict[str, Any]:
    return {"field": "x", "type": kind, "optional": True, "name": name, "parameters": parameters}


def text_of(schema: dict[str, Any], value: Any) -> str:
    """JSON text of the decoded value of a row's one column."""
    found = change(wrapped([{**schema, "field": "x"}], envelope("c", None, {"x": value})))
    assert json.loads(found.envelope)["after"] == {"x": value}, "the envelope keeps the wire form"
    assert json.loads(found.envelope)["value_form"] == "decoded"
    text = found.after or ""
    assert text.startswith('{"x":')
    return text[5:-1]


def decoded(schema: dict[str, Any], value: Any) -> Any:
    return json.loads(text_of(schema, value))


def wrong(schema: dict[str, Any], value: Any) -> tuple[str, str]:
    return refusal(wrapped([{**schema, "field": "x"}], envelope("c", None, {"x": value})))


def base64_of(number: int) -> str:
    """Java's BigInteger.toByteArray, as JSON carries it."""
    size = 1
    while not -(1 << (8 * size - 1)) <= number < 1 << (8 * size - 1):
        size += 1
    return base64.b64encode(number.to_bytes(size, "big", signed=True)).decode()


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        (column(TIME + "Date", "int32"), 19_439, "2023-03-23"),
        (column(CONNECT + "Date", "int32"), 0, "1970-01-01"),
        (column(TIME + "Date", "int32"), -1, "1969-12-31"),
        (column(TIME + "Date", "int32"), -354_285, "1000-01-01"),
        (column(TIME + "Date", "int32"), -141_428, "1582-10-14"),
        (column(TIME + "Date", "int32"), 2_932_896, "9999-12-31"),
        (column(TIME + "Date", "int32"), 2_932_897, "+10000-01-01"),
        (column(TIME + "Date", "int32"), -719_529, "-0001-12-31"),
        (column(TIME + "Date", "int32"), -719_528, "0000-01-01"),
        (column(TIME + "Date", "int32"), 2_147_483_647, "infinity"),
        (column(TIME + "Date", "int32"), -2_147_472_692, "infinity"),
        (column(TIME + "Date", "int32"), -2_147_483_648, "-infinity"),
        (column(TIME + "Time", "int32"), 36_803_500, "10:13:23.500000"),
        (column(CONNECT + "Time", "int32"), 0, "00:00:00"),
        (column(TIME + "MicroTime", "int64"), 36_803_000_001, "10:13:23.000001"),
        (column(TIME + "MicroTime", "int64"), 86_400_000_000, "24:00:00"),
        (column(TIME + "MicroTime", "int64"), -3_020_399_000_000, "-838:59:59"),
        (column(TIME + "NanoTime", "int64"), 36_803_123_456_789, "10:13:23.123456"),
        (column(TIME + "NanoTime", "int64"), -1_500, "-00:00:00.000001"),
        (column(TIME + "Timestamp", "int64"), 1_679_581_805_123, "2023-03-23T14:30:05.123000Z"),
        (column(CONNECT + "Timestamp", "int64"), -1, "1969-12-31T23:59:59.999000Z"),
        (column(TIME + "MicroTimestamp", "int64"), 1_679_581_805_123_456, "2023-03-23T14:30:05.123456Z"),
        (column(TIME + "MicroTimestamp", "int64"), -62_135_596_800_000_000, "0001-01-01T00:00:00Z"),
        (column(TIME + "MicroTimestamp", "int64"), -62_135_596_800_000_001, "0000-12-31T23:59:59.999999Z"),
        (column(TIME + "MicroTimestamp", "int64"), 253_402_300_800_000_000, "+10000-01-01T00:00:00Z"),
        (column(TIME + "MicroTimestamp", "int64"), 9_223_372_036_825_200_000, "infinity"),
        (column(TIME + "Timestamp", "int64"), -9_223_372_036_832_400, "-infinity"),
        (column(TIME + "NanoTimestamp", "int64"), 1_679_581_805_123_456_789, "2023-03-23T14:30:05.123456Z"),
        (column(TIME + "NanoTimestamp", "int64"), -1, "1969-12-31T23:59:59.999999Z"),
        (column(TIME + "NanoTimestamp", "int64"), 2**63 - 1, "infinity"),
        (
            column(TIME + "ZonedTimestamp", "string"),
            "2023-03-23T22:00:10.123456Z",
            "2023-03-23T22:00:10.123456Z",
        ),
        (
            column(TIME + "ZonedTimestamp", "string"),
            "2011-01-11T11:40:30.123456789-05:00",
            "2011-01-11T16:40:30.123456Z",
        ),
        (column(TIME + "ZonedTimestamp", "string"), "infinity", "infinity"),
        (column(TIME + "ZonedTimestamp", "string"), "+12345-01-01T00:00:00Z", "+12345-01-01T00:00:00Z"),
        (column(TIME + "ZonedTime", "string"), "08:51:02.123456Z", "08:51:02.123456Z"),
        (column(TIME + "IsoDate", "string"), "2017-09-15Z", "2017-09-15"),
        (column(TIME + "IsoTime", "string"), "12:34:56Z", "12:34:56"),
        (column(TIME + "IsoTimestamp", "string"), "2017-09-15T12:34:56Z", "2017-09-15T12:34:56Z"),
        (column(TIME + "Year", "int32"), 2023, 2023),
        (column(TIME + "Interval", "string"), "P1Y2M3DT4H5M6.78S", "P1Y2M3DT4H5M6.78S"),
        (column(TIME + "MicroDuration", "int64"), 93_784_500_000, "PT26H3M4.5S"),
        (column(TIME + "MicroDuration", "int64"), -60_000_000, "-PT1M"),
        (column(TIME + "NanoDuration", "int64"), 0, "PT0S"),
        (column(DATA + "Enum", "string", allowed="a,b"), "a", "a"),
        (column(DATA + "EnumSet", "string", allowed="a,b,c"), "a,c", ["a", "c"]),
        (column(DATA + "EnumSet", "string", allowed="a,b,c"), "", []),
        (column(DATA + "Json", "string"), '{"a": [1, null]}', {"a": [1, None]}),
        (column(DATA + "Json", "string"), "{broken", "{broken"),
        (column(DATA + "Json", "string"), "[" * 600 + "]" * 600, "[" * 600 + "]" * 600),
        (column(DATA + "Xml", "string"), "<a/>", "<a/>"),
        (
            column(DATA + "Uuid", "string"),
            "0b9f2a7c-0000-4000-8000-000000000001",
            "0b9f2a7c-0000-4000-8000-000000000001",
        ),
        (column(DATA + "Bits", "bytes", length="64"), "xwcAAAAAAAA=", f"{0b11111000111:064b}"),
        (column(DATA + "Bits", "bytes", length="3"), "BQ==", "101"),
        (column(DATA + "Bits", "bytes", length="2147483647"), "BQ==", "101"),
        (
            column(DATA + "geometry.Point", "struct"),
            {"x": 1.0, "y": 2.0, "wkb": "AQEAAA==", "srid": 4326},
            {"x": 1.0, "y": 2.0, "wkb": "AQEAAA==", "srid": 4326},
        ),
        ({"type": "bytes"}, "3q2+7w==", "3q2+7w=="),
        ({"type": "boolean"}, True, True),
        ({"type": "string", "name": "io.debezium.data.Novel"}, "as it came", "as it came"),
    ],
    ids=lambda value: value["name"].rpartition(".")[2] if isinstance(value, dict) and "name" in value else "",
)
def test_a_value_means_what_its_schema_is_named_for(schema: Any, value: Any, expected: Any) -> None:
    if schema["type"] == "struct":
        schema = {**schema, "fields": []}
    assert decoded(schema, value) == expected
    assert decoded(schema, None) is None


class TestDecimals:
    @pytest.mark.parametrize(
        ("value", "scale", "expected"),
        [
            ("BAg=", "4", "0.1032"),
            ("AcnDgA==", "2", "300000.00"),
            ("/w==", "2", "-0.01"),
            ("AA==", "3", "0.000"),
            ("BAg=", "0", "1032"),
            ("BAg=", "-2", "103200"),
            ("BAg=", "20000", '"1032E-20000"'),
            ("/w==", "-20000", '"-1E20000"'),
        ],
    )
    def test_are_numbers_with_the_digits_of_their_scale(self, value: str, scale: str, expected: str) -> None:
        assert text_of(column(CONNECT + "Decimal", "bytes", scale=scale), value) == expected

    @settings(max_examples=examples(200))
    @given(st.integers(-(10**60), 10**60), st.integers(-5, 60))
    def test_keep_every_digit_and_are_texts_beyond_38(self, unscaled: int, scale: int) -> None:
        text = text_of(column(CONNECT + "Decimal", "bytes", scale=str(scale)), base64_of(unscaled))
        exact = Decimal(f"{unscaled}e{-scale}")
        assert Decimal(text.strip('"')) == exact
        assert "e" not in text.lower()
        digits = max(len(str(abs(unscaled))) - min(scale, 0) * (unscaled != 0), scale)
        assert text.startswith('"') == (digits > 38)

    def test_of_variable_scale_carry_it_themselves(self) -> None:
        schema = {**column(DATA + "VariableScaleDecimal", "struct"), "fields": []}
        assert text_of(schema, {"scale": 4, "value": "BAg="}) == "0.1032"
        assert text_of(schema, {"scale": 0, "value": base64_of(10**40)}) == f'"{10**40}"'

    @pytest.mark.parametrize(
        ("number", "expected"),
        [
            ("12345.11", "12345.110"),
            ("1.2345678987654322e+3", "1234.5678987654322"),
            ("1e300", '"1E+300"'),
            ("9007199254740993", "9007199254740993.000"),
            ("-1e2", "-100.000"),
            ("7", "7.000"),
        ],
    )
    def test_sent_as_numbers_are_numbers_too(self, number: str, expected: str) -> None:
        schema = column(CONNECT + "Decimal", "bytes", scale="3")
        sent = json.dumps(wrapped([schema], envelope("c", None, {"x": "@"}))).replace('"@"', number)
        assert change(sent.encode()).after == f'{{"x":{expected}}}'

    @pytest.mark.parametrize("value", ["", "?", "12.5", [1], True, {"scale": 1}])
    def test_that_are_none_are_refused(self, value: Any) -> None:
        assert wrong(column(CONNECT + "Decimal", "bytes", scale="2"), value)[1] == "$.after.x"

    @pytest.mark.parametrize("scale", [None, "x", "1000000000"])
    def test_without_a_usable_scale_are_refused(self, scale: Any) -> None:
        schema = {**column(CONNECT + "Decimal", "bytes"), "parameters": {"scale": scale}}
        assert wrong(schema, "BAg=") == ("invalid_schema", "$.schema.after.x.parameters.scale")

    def test_of_any_length_are_exact(self) -> None:
        for size in (128, 129, 300, 5_000, decimals.MAX_BYTES):
            number = -int.from_bytes(b"\x7b" * size, "big")
            value = base64.b64encode(number.to_bytes(size, "big", signed=True)).decode()
            text = decoded(column(CONNECT + "Decimal", "bytes", scale="2"), value)
            assert text.startswith("-")
            whole, fraction = text[1:].split(".")
            assert len(fraction) == 2
            modulus = 10**9 + 7
            found = 0
            for start in range(0, len(whole + fraction), 100):
                part = (whole + fraction)[start : start + 100]
                found = (found * 10 ** len(part) + int(part)) % modulus
            assert found == -number % modulus

    def test_that_ask_for_gigabytes_are_refused(self) -> None:
        schema = {**column(DATA + "VariableScaleDecimal", "struct"), "fields": []}
        assert wrong(schema, {"scale": -1_000_000_000, "value": "AQ=="}) == ("wrong_type", "$.after.x.scale")
        long = base64.b64encode(b"\x01" * (decimals.MAX_BYTES + 1)).decode()
        assert wrong(column(CONNECT + "Decimal", "bytes", scale="0"), long)[0] == "out_of_range"


@settings(max_examples=examples(300))
@given(st.integers(-(2**31) + 100_000, 2**31 - 2))
def test_every_day_of_32_bits_is_the_proleptic_gregorian_one(days: int) -> None:
    expected = str(np.datetime64(days, "D")).lstrip("+-")
    found = decoded(column(TIME + "Date", "int32"), days)
    assert found.lstrip("+-").lstrip("0") == expected.lstrip("0")
    assert found.startswith("-") == (days < -719_528)


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)))
def test_a_timestamp_is_the_same_moment_in_every_unit(moment: datetime) -> None:
    micros = (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    expected = moment.replace(tzinfo=UTC)
    found = decoded(column(TIME + "MicroTimestamp", "int64"), micros)
    assert datetime.fromisoformat(found) == expected
    if abs(micros) < 2**53:
        assert decoded(column(TIME + "NanoTimestamp", "int64"), micros * 1000) == found
    coarse = datetime.fromisoformat(decoded(column(TIME + "Timestamp", "int64"), micros // 1000))
    assert timedelta(0) <= expected - coarse < timedelta(milliseconds=1)


@pytest.mark.parametrize("name", [name for name in LOGICAL_TYPES if name.startswith(TIME)])
def test_a_value_that_cannot_be_of_its_type_is_refused_with_its_path(name: str) -> None:
    assert wrong(column(name, "int64"), {"not": "this"}) == ("wrong_type", "$.after.x")


class TestNesting:
    def test_arrays_structs_and_maps_are_decoded_within(self) -> None:
        assert decoded({"type": "array", "items": DATE}, [0, None, 1]) == [
            "1970-01-01",
            None,
            "1970-01-02",
        ]
        struct = {"type": "struct", "fields": [{**DATE, "field": "d"}]}
        assert decoded(struct, {"d": 0, "new": 1}) == {"d": "1970-01-01", "new": 1}
        text_map = {"type": "map", "keys": {"type": "string"}, "values": DATE}
        assert decoded(text_map, {"a": 0, "b": None}) == {"a": "1970-01-01", "b": None}
        pairs = {"type": "map", "keys": {"type": "int32"}, "values": DATE}
        assert decoded(pairs, [[7, 0]]) == [[7, "1970-01-01"]]

    def test_a_path_leads_to_the_value(self) -> None:
        schema = {"type": "array", "items": {"type": "struct", "fields": [{**DATE, "field": "d"}]}}
        assert wrong(schema, [{"d": 0}, {"d": "soon"}]) == ("wrong_type", "$.after.x[1].d")

    @pytest.mark.parametrize("schema", [{"type": "struct"}, {"type": "array"}, {"type": 5}, {"type": "map"}])
    def test_a_schema_that_is_none_is_refused(self, schema: dict[str, Any]) -> None:
        assert wrong(schema, 1)[0] == "invalid_schema"


class TestWithoutSchema:
    @pytest.mark.parametrize("bare", [True, False])
    def test_the_wire_form_stays_and_is_marked(self, bare: bool) -> None:
        row = {"price": "BAg=", "day": 19_439, "at": 1_679_581_805_123_456}
        sent = envelope("c", None, row)
        found = change(sent if bare else {"schema": None, "payload": sent})
        assert json.loads(found.after or "") == row
        assert json.loads(found.envelope)["value_form"] == "wire"

    def test_a_column_that_the_schema_does_not_know_stays_too(self) -> None:
        day = {"field": "day", "type": "int32", "name": TIME + "Date"}
        found = change(wrapped([day], envelope("c", None, {"day": 0, "novel": 0})))
        assert json.loads(found.after or "") == {"day": "1970-01-01", "novel": 0}

    def test_one_row_of_a_schema_counts_for_both(self) -> None:
        day = {"field": "day", "type": "int32", "name": TIME + "Date"}
        sent = wrapped([day], envelope("d", {"day": 1}))
        sent["schema"]["fields"] = [field for field in sent["schema"]["fields"] if field["field"] != "before"]
        assert json.loads(change(sent).before or "") == {"day": "1970-01-02"}


def test_keys_are_decoded_by_their_own_schema() -> None:
    fields = [{"field": "day", "type": "int32", "name": TIME + "Date"}, {"field": "a", "type": "string"}]
    key = {"schema": {"type": "struct", "fields": fields}, "payload": {"day": 0, "a": "x"}}
    found = change(envelope("c", None, {"day": 0}), key=json.dumps(key).encode())
    assert found.key == '{"a":"x","day":"1970-01-01"}', "and in one order, whatever order they came in"
    key["payload"]["day"] = "today"  # type: ignore[index]
    assert refusal(envelope("c", None, {}), key=json.dumps(key).encode()) == ("invalid_key", "key.day")


def test_numbers_without_a_logical_type_keep_every_digit() -> None:
    sent = json.dumps(wrapped([{"field": "x", "type": "int64"}], envelope("c", None, {"x": "@"}, POSTGRES)))
    for number in (
        "9007199254740993",
        "9223372036854775806",
        "18446744073709551615",
        "0.1000000000000000055",
    ):
        assert change(sent.replace('"@"', number).encode()).after == f'{{"x":{number}}}'
