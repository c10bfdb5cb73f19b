"""Change events are read as Debezium means them; what is another database's is refused with the reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from contracts.errors import InvalidRecord
from contracts.settings import Settings
from contracts.sources import CDC_CHANGES
from streams.ingestion.debezium.changes import Change, ChangeDecoder, Skipped
from streams.ingestion.debezium.unavailable import MARKER as UNAVAILABLE
from streams.ingestion.decoding import BatchDecoder

LATEST = 1_795_000_000_000_000
SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "debezium"
MYSQL = {
    "connector": "mysql",
    "db": "shop",
    "table": "orders",
    "ts_ms": 1_700_000_000_123,
    "file": "mysql-bin.000003",
    "pos": 484,
    "row": 0,
    "snapshot": "false",
}
POSTGRES = {
    "connector": "postgresql",
    "db": "shop",
    "schema": "public",
    "table": "orders",
    "ts_ms": 1_700_000_000_123,
    "lsn": 24_023_128,
}
ROW = {"id": 1, "name": "Ann", "total": 10}


class Record(NamedTuple):
    value: bytes | None
    key: bytes | None = b'{"id":1}'
    headers: tuple[tuple[str, bytes | None], ...] = ()
    topic: str = "topic_cdc_changes"
    partition: int = 2
    offset: int = 7
    timestamp: int = 1_700_000_000_999


def envelope(op: str, before: Any = None, after: Any = None, source: Any = POSTGRES, **more: Any) -> Any:
    return {"before": before, "after": after, "source": source, "op": op, "ts_ms": 1_700_000_000_500, **more}


def change(value: Any, **record: Any) -> Change:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    found = ChangeDecoder().decode(Record(text, **record), LATEST)
    assert isinstance(found, Change)
    return found


def skipped(value: Any) -> str:
    found = ChangeDecoder().decode(Record(None if value is None else json.dumps(value).encode()), LATEST)
    assert isinstance(found, Skipped)
    return found.kind


def refusal(value: Any, **record: Any) -> tuple[str, str]:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    with pytest.raises(InvalidRecord) as caught:
        ChangeDecoder().decode(Record(text, **record), LATEST)
    return caught.value.kind, caught.value.path


@pytest.mark.parametrize(
    ("op", "operation", "before", "after"),
    [
        ("c", "INSERT", None, ROW),
        ("r", "INSERT", None, ROW),
        ("u", "UPDATE", ROW, {**ROW, "name": "Eve"}),
        ("d", "DELETE", ROW, None),
        ("t", "TRUNCATE", None, None),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_every_operation_bare_and_wrapped(
    op: str, operation: str, before: Any, after: Any, wrapped: bool
) -> None:
    sent = envelope(op, before, after)
    key: Any = {"id": 1}
    if wrapped:
        sent, key = {"schema": None, "payload": sent}, {"schema": {}, "payload": key}
    found = change(sent, key=json.dumps(key).encode())
    assert (found.op, found.operation, found.is_snapshot) == (op, operation, op == "r")
    assert (found.connector, found.database, found.schema, found.table) == (
        "postgresql",
        "shop",
        "public",
        "orders",
    )
    assert json.loads(found.key or "") == {"id": 1}
    assert (found.before and json.loads(found.before), found.after and json.loads(found.after)) == (
        before,
        after,
    )
    assert json.loads(found.envelope)["op"] == op
    assert found.change_id == "topic_cdc_changes/2/7"
    assert found.commit_timestamp == 1_700_000_000_123_000


def test_an_update_tells_what_changed_when_the_old_row_is_whole() -> None:
    after = {**ROW, "name": "Eve"}
    assert change(envelope("u", ROW, after)).changed_columns == ["name"]
    assert change(envelope("u", ROW, ROW)).changed_columns == []
    assert change(envelope("u", None, after)).changed_columns is None
    assert change(envelope("u", {"id": 1}, after)).changed_columns is None, "only the key"
    filled = {"id": 1, "name": None, "total": None}
    assert change(envelope("u", filled, after)).changed_columns is None, "the key, and nulls"
    assert change(envelope("c", None, ROW)).changed_columns is None


@pytest.mark.parametrize(
    "marker",
    [
        UNAVAILABLE,
        "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==",
        [UNAVAILABLE],
        list(UNAVAILABLE.encode()),
        {UNAVAILABLE: UNAVAILABLE},
    ],
    ids=["text", "bytes", "array", "numbers", "map"],
)
def test_the_marker_of_an_unchanged_large_column_is_never_data(marker: Any) -> None:
    found = change(envelope("u", ROW, {**ROW, "total": 11, "name": marker}))
    assert found.unavailable_columns == ["name"]
    assert json.loads(found.after or "") == {"id": 1, "total": 11}
    assert found.changed_columns == ["total"]
    assert json.loads(found.envelope)["after"]["name"] == marker


class TestSequence:
    def test_sorts_as_text_in_the_order_of_the_log(self) -> None:
        places = [
            ("mysql-bin.000003", 484, 0),
            ("mysql-bin.000003", 484, 2),
            ("mysql-bin.000003", 484, 10),
            ("mysql-bin.000003", 9_999, 0),
            ("mysql-bin.000003", 10_000, 0),
            ("mysql-bin.999999", 4, 0),
            ("mysql-bin.1000000", 4, 0),
        ]
        found = [
            change(envelope("c", None, ROW, {**MYSQL, "file": file, "pos": pos, "row": row})).sequence
            for file, pos, row in places
        ]
        assert found == sorted(found)
        assert len(set(found)) == len(found)

    def test_of_postgresql_is_the_lsn(self) -> None:
        lsns = [9, 10, 24_023_128, 2**63]
        found = [change(envelope("c", None, ROW, {**POSTGRES, "lsn": lsn})).sequence for lsn in lsns]
        assert found == sorted(found)
        assert [int(sequence) for sequence in found] == lsns


class TestCommitTimestamp:
    @pytest.mark.parametrize("absent", [{"ts_ms": 0}, {"ts_ms": None}])
    def test_is_debeziums_where_the_databases_is_unknown(self, absent: dict[str, Any]) -> None:
        source = {**POSTGRES, **absent}
        assert change(envelope("r", None, ROW, source)).commit_timestamp == 1_700_000_000_500_000

    def test_is_kafkas_where_there_is_none(self) -> None:
        sent = envelope("r", None, ROW, {**POSTGRES, "ts_ms": 0})
        del sent["ts_ms"]
        assert change(sent).commit_timestamp == 1_700_000_000_999_000

    def test_of_the_future_is_refused(self) -> None:
        sent = envelope("c", None, ROW, {**POSTGRES, "ts_ms": 253_402_300_799_000})
        assert refusal(sent) == ("future_timestamp", "$.source.ts_ms")


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [(None, False), (False, False), ("false", False), (True, True), ("true", True), ("last", True)],
)
def test_snapshots_come_as_booleans_and_texts(snapshot: Any, expected: bool) -> None:
    assert change(envelope("c", None, ROW, {**POSTGRES, "snapshot": snapshot})).is_snapshot is expected


def test_numbers_keep_every_digit() -> None:
    text = json.dumps(envelope("c", None, {"n": "@"})).replace(
        '"@"', "123456789012345678901234567890.123456789"
    )
    found = change(text.encode())
    assert found.after == '{"n":123456789012345678901234567890.123456789}'
    big = change(envelope("c", None, {"n": 9223372036854775806, "u": 18446744073709551615}))
    assert big.after == '{"n":9223372036854775806,"u":18446744073709551615}'


def test_the_headers_of_a_key_change_are_kept() -> None:
    found = change(envelope("d", ROW), headers=(("__debezium.newkey", b'{"id":2}'), ("other", b"x")))
    assert json.loads(found.envelope)["headers"] == {"__debezium.newkey": '{"id":2}'}


class TestKeys:
    @pytest.mark.parametrize(
        ("key", "expected"),
        [
            (None, None),
            (b'{"id":9007199254740993}', '{"id":9007199254740993}'),
            (b"7", "7"),
            (b"Struct{id=7}", '"Struct{id=7}"'),
        ],
    )
    def test_are_json(self, key: bytes | None, expected: str | None) -> None:
        assert change(envelope("c", None, ROW), key=key).key == expected

    def test_that_are_no_text_are_refused(self) -> None:
        assert refusal(envelope("c", None, ROW), key=b"\xff\xfe") == ("invalid_key", "key")

    def test_decide_a_delete_without_a_row(self) -> None:
        assert change(envelope("d")).key == '{"id":1}'
        assert refusal(envelope("d"), key=None) == ("missing_key", "key")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "tombstone"),
        ({"ts_ms": 1}, "heartbeat"),
        ({"status": "BEGIN", "id": "571:1", "ts_ms": 1}, "transaction"),
        ({"status": "END", "id": "571:1", "event_count": 2}, "transaction"),
        ({"source": MYSQL, "ddl": "ALTER TABLE t", "databaseName": "shop", "tableChanges": []}, "ddl"),
        ({"schema": {}, "payload": {"source": MYSQL, "ddl": "DROP TABLE t"}}, "ddl"),
        (envelope("m", message={"prefix": "p", "content": ""}), "message"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_messages_are_skipped(value: Any, kind: str) -> None:
    assert skipped(value) == kind


@pytest.mark.parametrize(
    ("value", "kind", "path"),
    [
        (b"", "empty", "$"),
        (b"\xff", "malformed_json", "$"),
        ({"id": 5}, "missing_op", "$.op"),
        (envelope("x", None, ROW), "unknown_op", "$.op"),
        ({**envelope("c", None, ROW), "op": ["c"]}, "unknown_op", "$.op"),
        (envelope("c", None, ROW, None), "missing_source", "$.source"),
        (envelope("c", None, ROW, {**POSTGRES, "table": None}), "missing_source", "$.source.table"),
        (envelope("c", None, None), "missing_field", "$.after"),
        (envelope("c", None, '{"_id":1}'), "wrong_type", "$.after"),
        (
            envelope(
                "c", None, '{"_id":1}', {"connector": "mongodb", "db": "d", "collection": "c", "ord": 1}
            ),
            "unsupported_connector",
            "$.source.connector",
        ),
        ({"schema": None, "payload": [1]}, "not_an_object", "$.payload"),
    ],
)
def test_what_is_no_change_is_refused(value: Any, kind: str, path: str) -> None:
    assert refusal(value) == (kind, path)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not here")
@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.ndjson")), ids=lambda path: path.stem)
def test_no_real_sample_is_lost(path: Path) -> None:
    """Every line is a change, a known other message, or (MongoDB, a delete without key) a refusal."""
    lines = path.read_bytes().splitlines()
    records = [Record(line, key=None, offset=offset) for offset, line in enumerate(lines)]
    decoded = BatchDecoder(Settings(), CDC_CHANGES).decode(records, LATEST)
    total = len(decoded.offsets) + decoded.skipped.total() + len(decoded.rejected)
    assert total == len(lines)
    allowed = {"missing_key"} if "mongodb" not in path.stem else {"missing_op", "unsupported_connector"}
    assert {rejected.error.kind for rejected in decoded.rejected} <= allowed
