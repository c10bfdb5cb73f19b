"""What Debezium sent of a real PostgreSQL 15 comes to what was in the database.

The statements that made the records are beside the expectations.
"""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from contracts.settings import Settings
from contracts.sources import CDC_CHANGES
from streams.ingestion.debezium.changes import Change
from streams.ingestion.decoding import BatchDecoder, Decoded
from tests.streams.ingestion.change_records import Record, changes
from tests.streams.ingestion.event_records import columns

FILE = Path(__file__).parents[2] / "samples" / "debezium" / "postgresql15_captured.jsonl"
LATEST = 1_800_000_000_000_000


@pytest.fixture(scope="module")
def found() -> Decoded:
    records = []
    for offset, line in enumerate(FILE.read_text("utf-8").splitlines()):
        sent = json.loads(line)
        headers = tuple((name, value and value.encode()) for name, value in sent["headers"])
        key, value = (sent[name] and sent[name].encode() for name in ("key", "value"))
        records.append(Record(value, key, headers, offset=offset))
    return BatchDecoder(Settings(), CDC_CHANGES).decode(columns(records), LATEST)


def of(found: Decoded, table: str) -> list[Change]:
    return [change for change in changes(found) if change.table == table]


def loads(text: str | None) -> Any:
    return None if text is None else json.loads(text, parse_float=Decimal)


def test_other_messages_are_counted(found: Decoded) -> None:
    assert found.rejected == []
    assert found.skipped.keys() == {"tombstone", "transaction", "message", "heartbeat"}
    assert found.skipped["tombstone"] == 3
    assert Counter(change.op for change in changes(found)) == {"c": 11, "u": 4, "d": 4, "t": 1}


def test_a_row_of_every_type(found: Decoded) -> None:
    row = loads(of(found, "types")[0].after)
    assert row == {
        "id": 1,
        "b": True,
        "s": -7,
        "i": 2_000_000_000,
        "l": 9_223_372_036_854_775_806,
        "r": Decimal("1.5"),
        "d": Decimal("0.1"),
        "n": Decimal("12345.6789"),
        "nv": Decimal("3.14159"),
        "n40": "123456789012345678901234567890123456789012.34",
        "m": Decimal("12.50"),
        "t": "Ünï",
        "c": "ab   ",
        "v": "abc",
        "bt": "3q2+7w==",  # '\xdeadbeef'
        "bit1": True,
        "bit5": "10010",
        "vb": "101",
        "da": "1000-01-01",
        "ti": "10:13:23.123456",
        "ti3": "10:13:23.500000",
        "tz": "08:13:23.5Z",
        "ts": "1969-12-31T23:59:59.999999Z",
        "ts3": "2023-03-23T14:30:05.123000Z",
        "tsz": "2023-03-23T09:00:05.123456Z",  # '2023-03-23 14:30:05.123456+05:30'
        "iv": "PT10303H5M6.78S",  # '1 year 2 mons 3 days 04:05:06.78', 365.25 / 12 days a month
        "u": "0b9f2a7c-0000-4000-8000-000000000001",
        "js": {"a": 3},
        "jb": {"b": 9_007_199_254_740_993},
        "x": "<a>1</a>",
        "e": "ok",
        "p": {"x": Decimal("1.5"), "y": 2, "wkb": "AQEAAAAAAAAAAAD4PwAAAAAAAABA", "srid": None},
        "ip": "10.0.0.1",
        "cd": "10.0.0.0/8",
        "mac": "08:00:2b:01:02:03",
        "ia": [1, None, 3],
        "la": [9_007_199_254_740_993],
        "ta": ["a", "b,c", None],
        "ua": ["0b9f2a7c-0000-4000-8000-000000000001"],
        "na": [Decimal("1.5"), Decimal("-2.25")],
        "daa": ["2023-03-23", "1000-01-01"],
        "tsa": ["2023-03-23T00:00:00Z"],
        "ea": ["sad", "happy"],
        "h": {"a": "1", "b": None},
        "lt": "a.b.c",
        "tv": "J2NhdCcgJ2ZhdCc=",  # a tsvector comes as the bytes of its text
        "ir": "[1,5)",
        "tr": '["2023-01-01 00:00:00+00",)',
        "oid_": 42,
    }


def test_extremes(found: Decoded) -> None:
    rows = [loads(change.after) for change in of(found, "types")[1:]]
    assert [(row["da"], row["ts"], row["tsz"]) for row in rows] == [
        ("infinity", "infinity", "infinity"),
        ("-infinity", "-infinity", "-infinity"),
        ("-0043-03-15", "-0043-03-15T12:00:00.500000Z", "-0043-03-15T12:00:00.000000Z"),  # 44 BC
        ("+12345-06-07", "+12345-06-07T08:09:10.123456Z", "+12345-06-07T08:09:10.000000Z"),
    ]
    assert [(row["nv"], row["d"]) for row in rows[:2]] == [
        (Decimal("1e-30"), "NaN"),
        (f"-1{'0' * 40}", "Infinity"),
    ]


def test_large_values_that_an_update_left_alone(found: Decoded) -> None:
    """Text, bytea, jsonb, hstore and arrays of text, int, bigint and uuid, all stored out of line."""
    number, text = of(found, "big")
    unsent = ["bt", "h", "ia", "js", "la", "t", "ta", "ua"]
    assert (loads(number.after), number.unavailable_columns) == ({"id": 1, "n": 2}, unsent)
    unsent.remove("t")
    assert (loads(text.after), text.unavailable_columns) == ({"id": 1, "n": 2, "t": "short"}, unsent)


@pytest.mark.parametrize("table", ["full_", "plain"])
def test_a_key_change_is_a_delete_and_an_insert_at_one_position(found: Decoded, table: str) -> None:
    found_there = of(found, table)[:5]
    assert [(change.op, change.key) for change in found_there] == [
        ("c", '{"id":1}'),
        ("u", '{"id":1}'),
        ("d", '{"id":1}'),
        ("c", '{"id":2}'),
        ("d", '{"id":2}'),
    ]
    _, update, gone, there, _ = found_there
    assert gone.sequence == there.sequence > update.sequence
    assert loads(gone.envelope)["headers"] == {"__debezium.newkey": '{"id":2}'}
    assert loads(there.envelope)["headers"] == {"__debezium.oldkey": '{"id":1}'}
    assert update.changed_columns == (["a"] if table == "full_" else None), "only the whole old row tells"


def test_truncate_stands_between_what_it_took_and_what_came_after(found: Decoded) -> None:
    before, truncate, after = of(found, "plain")[5:]
    assert (truncate.op, truncate.key, truncate.before, truncate.after) == ("t", None, None, None)
    assert before.sequence < truncate.sequence < after.sequence
