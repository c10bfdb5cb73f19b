"""Real change events of public projects (tests/samples) come to the rows that those projects say they mean.

The expected values are written down here, or read from the lines by the standard library's JSON, never by
the code under test.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from contracts.settings import Settings
from contracts.sources import CDC_CHANGES
from streams.ingestion.debezium.changes import Change
from streams.ingestion.decoding import BatchDecoder, Decoded
from tests.streams.ingestion.change_records import LATEST, Record, changes
from tests.streams.ingestion.event_records import columns

FOLDER = Path(__file__).parents[2] / "samples" / "debezium"
FILES = sorted(FOLDER.glob("*.ndjson"))


def lines_of(name: str) -> list[bytes]:
    return (FOLDER / f"{name}.ndjson").read_bytes().splitlines()


def decoded(name: str, keys: list[bytes | None] | None = None) -> Decoded:
    """All lines of a file as one batch; offsets are line numbers. ``keys``: the records', else none."""
    lines = lines_of(name)
    records = [
        Record(line, key=None if keys is None else keys[offset], offset=offset)
        for offset, line in enumerate(lines)
    ]
    found = BatchDecoder(Settings(), CDC_CHANGES).decode(columns(records), LATEST)
    assert len(found.offsets) + found.skipped.total() + len(found.rejected) == len(lines), "nothing is lost"
    return found


def payload(line: bytes) -> dict[str, Any]:
    content = json.loads(line, parse_float=Decimal)
    found: dict[str, Any] = content.get("payload", content)
    return found


def loads(text: str | None) -> Any:
    return None if text is None else json.loads(text, parse_float=Decimal)


def final_rows(changes: list[Change], key: str) -> dict[tuple[str, Any], dict[str, Any]]:
    """Rows by table and key once the changes were applied in the order of position, then of arrival."""
    rows: dict[tuple[str, Any], dict[str, Any]] = {}
    for change in sorted(changes, key=lambda each: each.sequence):
        row = loads(change.after) or loads(change.before) or loads(change.key)
        place = (change.table, row[key])
        if change.operation == "DELETE":
            rows.pop(place)
        else:
            rows[place] = row
    return rows


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_change_carries_what_its_line_says(path: Path) -> None:
    lines = lines_of(path.stem)
    found = decoded(path.stem, [b'{"id":1}'] * len(lines))
    for offset, change in zip(found.offsets, changes(found), strict=True):
        sent = payload(lines[offset])
        source = sent["source"]
        assert change.op == sent["op"]
        assert (change.database, change.table) == (source["db"], source["table"])
        assert change.schema == source.get("schema")
        assert change.is_snapshot == (sent["op"] == "r" or str(source.get("snapshot")).lower() == "true")
        at = source.get("ts_ms") or source.get("ts_sec", 0) * 1000 or source.get("ts_usec", 0) // 1000
        assert change.commit_timestamp // 1000 == (at or sent["ts_ms"])
        kept = loads(change.envelope)
        assert {name: kept[name] for name in sent} == sent, "the envelope is kept whole"
        assert change.unavailable_columns == []
        if "alltypes" not in path.stem:
            assert (loads(change.before), loads(change.after)) == (sent.get("before"), sent.get("after"))


@pytest.mark.parametrize(
    ("name", "ops", "skipped", "rejected"),
    [
        ("flink_pg12_replica_identity_default", "rrrrrrrrruuccuu", {}, [(15, "missing_key", "key")]),
        ("debezium_docs_postgresql", "cudtcccccc", {"message": 3}, []),
        ("debezium_docs_mysql", "cudtrudcc", {}, []),
        ("debezium_docs_transaction_topic", "", {"transaction": 8}, []),
        ("debezium_docs_schema_change_topic", "", {"ddl": 2}, []),
        ("debezium_serde_tests", "uucc", {}, []),
        ("paimon_mysql19_bare_evolution", "c" * 25 + "du" + "ccc", {}, []),
        ("paimon_mysql19_wrapped_evolution_delete", "cccccccd", {}, []),
        ("paimon_mysql19_alltypes_schema", "r", {}, []),
        (
            "paimon_mongodb27_key_value_pairs",
            "",
            {},
            [(n, "missing_op", "$.op") for n in (0, 1, 2, 4, 7)]
            + [(n, "unsupported_connector", "$.source.connector") for n in (3, 5, 6, 8, 9)],
        ),
    ],
)
def test_what_becomes_of_each_line(name: str, ops: str, skipped: Any, rejected: Any) -> None:
    found = decoded(name)
    assert "".join(change.op for change in changes(found)) == ops
    assert found.skipped == skipped
    refused = [(each.record.offset, each.error.kind, each.error.path) for each in found.rejected]
    assert sorted(refused) == sorted(rejected)


def test_a_table_of_postgresql_whose_delete_has_nothing_but_its_key() -> None:
    keys: list[bytes | None] = [None] * 15
    found = decoded("flink_pg12_replica_identity_default", [*keys, b'{"id":111}'])
    rows = final_rows(changes(found), "id")
    products = {row["id"]: (row["description"], row["weight"]) for row in rows.values()}
    assert products == {
        101: ("Small 2-wheel scooter", Decimal("3.14")),
        102: ("12V car battery", Decimal("8.1")),
        103: ("12-pack of drill bits with sizes ranging from #40 to #3", Decimal("0.8")),
        104: ("12oz carpenter's hammer", Decimal("0.75")),
        105: ("14oz carpenter's hammer", Decimal("0.875")),
        106: ("18oz carpenter hammer", Decimal("1")),
        107: ("box of assorted rocks", Decimal("5.1")),
        108: ("water resistent black wind breaker", Decimal("0.1")),
        109: ("24 inch spare tire", Decimal("22.2")),
        110: ("new water resistent white wind breaker", Decimal("0.5")),
    }
    assert [change.is_snapshot for change in changes(found)] == [True] * 9 + [False] * 7
    assert {change.changed_columns for change in changes(found) if not change.changed_columns} == {None}


def test_a_table_whose_columns_come_and_change_at_one_position() -> None:
    found = decoded("paimon_mysql19_bare_evolution")
    rows = final_rows([change for change in changes(found) if change.table != "product"], "id")
    # The file's groups are cases of their own: t1 and t2 grow an age or an address in turn.
    assert rows["t1", 101]["address"] == "Beijing"
    assert rows["t1", 103]["age"] == 19
    assert rows["t2", 104]["address"] == "Shanghai"
    assert "age" not in rows["t2", 104], "the last record has none"
    assert rows["test", 2] == {"id": 2, "value": "B"}
    deleted, partly = (change for change in changes(found) if change.op in "du")
    assert loads(deleted.before)["name"] == "scooter"
    assert partly.changed_columns is None, "before has one column only"
    assert loads(partly.after)["address"] == "Beijing"
    assert {change.sequence for change in changes(found)} == {f"{0:012d}//{0:020d}/{0:010d}"}


def test_updates_of_the_documentation_say_what_changed() -> None:
    mysql = [change.changed_columns for change in changes(decoded("debezium_docs_mysql")) if change.op == "u"]
    assert mysql == [["first_name"], ["first_name"]]
    (key_only,) = (c for c in changes(decoded("debezium_docs_postgresql")) if c.op == "u")
    assert key_only.changed_columns is None
    assert [c.changed_columns for c in changes(decoded("debezium_serde_tests"))[:2]] == [["first_name"]] * 2


def test_positions_of_the_documentation() -> None:
    mysql = changes(decoded("debezium_docs_mysql"))
    assert [event.connector for event in mysql] == ["mysql"] * 9, "also where old releases leave it out"
    assert mysql[0].sequence == "000000000003/mysql-bin.000003/00000000000000000154/0000000000"
    assert [event.sequence for event in changes(decoded("debezium_docs_postgresql"))[:3]] == [
        "00000000000024023128",
        "00000000000024023128",
        "00000000000046523128",
    ]


def test_every_type_of_mysql() -> None:
    (change,) = changes(decoded("paimon_mysql19_alltypes_schema"))
    assert loads(change.envelope)["value_form"] == "decoded"
    row, sent = loads(change.after), payload(lines_of("paimon_mysql19_alltypes_schema")[0])["after"]
    expected = {
        "pt": Decimal("1.1"),
        "_bit": f"{0b11111000111:064b}",
        "_numeric": Decimal("12345.110"),
        "_fixed": Decimal("123456789876543212345678987654321.110"),
        "_decimal": 11111,
        "_big_decimal": Decimal("2222222222222222300000001111.1234567890"),
        "_date": "2023-03-23",
        "_datetime": "2023-03-23T14:30:05Z",
        "_datetime3": "2023-03-23T14:30:05.123000Z",
        "_datetime6": "2023-03-23T14:30:05.123456Z",
        "_datetime_p": "2023-03-24T14:30:00Z",
        "_datetime_p2": "2023-03-24T14:30:05.120000Z",
        "_timestamp": "2023-03-23T22:00:10.123456Z",
        "_timestamp0": "2023-03-23T07:10:00Z",
        "_bigint_unsigned": 20_000_000_000,
        "_json": {"a": "b"},
        "_enum": "value1",
        "_set": ["a", "b"],
        "_year": 2023,
        "_time": "10:13:23",
        "_bin": "Ynl0ZXMAAAAAAA==",
    }
    assert {name: row[name] for name in expected} == expected
    assert row.keys() == sent.keys()
    others = sent.keys() - expected.keys() - {"_point"}
    assert {name: row[name] for name in others} == {name: sent[name] for name in others}
    assert '"_fixed":123456789876543212345678987654321.110,' in (change.after or ""), "36 digits, a number"


def test_fractions_of_nine_digits_and_offsets_stay_without_a_schema() -> None:
    rows = [loads(change.after) for change in changes(decoded("debezium_docs_postgresql"))[5:7]]
    assert [row["created_at"] for row in rows] == [
        "2011-01-11T16:40:30.123456789+00:00",
        "2011-01-11T11:40:30.123456789-05:00",
    ]
