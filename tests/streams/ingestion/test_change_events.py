"""Change events are read as Debezium means them; what is another database's is refused with the reason.

Covers, of the cases under "Change events": key changes, order of one key, unchanged large columns, TRUNCATE,
messages without op, key-only deletes, snapshots. The final state of a table is silver's: its tests.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from contracts.landing import LANDING
from contracts.settings import Settings
from contracts.sources import CDC_CHANGES
from streams.ingestion.debezium.unavailable import MARKER
from streams.ingestion.decoding import BatchDecoder
from streams.ingestion.status import IngestionCollector, SourceStatus
from tests.streams.ingestion.change_records import (
    LATEST,
    MYSQL,
    POSTGRES,
    ROW,
    Record,
    change,
    envelope,
    refusal,
    skipped,
)
from tests.streams.ingestion.event_records import columns


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
@pytest.mark.parametrize("is_wrapped", [False, True])
def test_every_operation_bare_and_wrapped(
    op: str, operation: str, before: Any, after: Any, is_wrapped: bool
) -> None:
    sent = envelope(op, before, after)
    key: Any = {"id": 1}
    if is_wrapped:
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
    zeros = {"id": 1, "name": "", "total": 0}
    assert change(envelope("u", zeros, after)).changed_columns is None, "PostgreSQL's key, and zeros"
    assert change(envelope("u", zeros, after, MYSQL)).changed_columns == ["name", "total"]
    dropped = {**ROW, "old": 1}
    assert change(envelope("u", dropped, ROW)).changed_columns == ["old"]


def test_a_value_unavailable_only_before_does_not_hide_the_new_one() -> None:
    found = change(envelope("u", {**ROW, "name": MARKER}, ROW))
    assert json.loads(found.after or "") == ROW
    assert (found.unavailable_columns, found.changed_columns) == ([], None)
    deleted = change(envelope("d", {**ROW, "name": MARKER}))
    assert json.loads(deleted.before or "") == {"id": 1, "total": 10}
    assert deleted.unavailable_columns == ["name"]


@pytest.mark.parametrize(
    "marker",
    [
        MARKER,
        base64.b64encode(MARKER.encode()).decode(),
        MARKER.encode().hex(),
        [MARKER],
        ["real", MARKER],
        [["deep", [MARKER]]],
        list(MARKER.encode()),
        [str(uuid.UUID(bytes=hashlib.md5(MARKER.encode()).digest(), version=3))],
        {MARKER: MARKER},
        {"part": MARKER, "other": 1},
    ],
    ids=["text", "bytes", "hex", "array", "mixed", "nested", "numbers", "uuids", "map", "struct"],
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

    def test_of_a_key_change_in_mysql_is_one_and_the_offsets_order_it(self) -> None:
        gone = change(envelope("d", ROW, None, MYSQL), offset=7, key=b'{"id":1}')
        there = change(envelope("c", None, {**ROW, "id": 2}, MYSQL), offset=9, key=b'{"id":2}')
        assert gone.sequence == there.sequence
        assert (gone.key, there.key) == ('{"id":1}', '{"id":2}')
        assert skipped(None) == "tombstone", "the record between them"

    def test_of_a_snapshot_without_position_comes_first(self) -> None:
        before = change(envelope("r", None, ROW, {**POSTGRES, "lsn": None})).sequence
        assert before < change(envelope("c", None, ROW, {**POSTGRES, "lsn": 1})).sequence
        before = change(envelope("r", None, ROW, {**MYSQL, "file": None})).sequence
        assert before < change(envelope("c", None, ROW, MYSQL)).sequence

    @pytest.mark.parametrize(
        ("source", "path"),
        [
            ({**POSTGRES, "lsn": None}, "$.source.lsn"),
            ({**POSTGRES, "lsn": -1}, "$.source.lsn"),
            ({**POSTGRES, "lsn": 2**64}, "$.source.lsn"),
            ({**POSTGRES, "lsn": "24023128"}, "$.source.lsn"),
            ({**POSTGRES, "lsn": True}, "$.source.lsn"),
            ({**MYSQL, "file": None}, "$.source.file"),
            ({**MYSQL, "pos": 1.5}, "$.source.pos"),
            ({**MYSQL, "row": -1}, "$.source.row"),
        ],
    )
    def test_that_cannot_be_known_is_refused(self, source: Any, path: str) -> None:
        assert refusal(envelope("c", None, ROW, source))[1] == path

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

    @pytest.mark.parametrize(
        ("at", "kind"),
        [
            (253_402_300_799_000, "future_timestamp"),
            (10**30, "future_timestamp"),
            (-62_135_596_800_000, "bad_timestamp"),
            ("2026-01-01T00:00:00Z", "wrong_type"),
            (1.5, "wrong_type"),
            (True, "wrong_type"),
        ],
    )
    def test_out_of_range_or_type_is_refused(self, at: Any, kind: str) -> None:
        assert refusal(envelope("c", None, ROW, {**POSTGRES, "ts_ms": at})) == (kind, "$.source.ts_ms")

    def test_is_as_fine_as_the_connector_tells(self) -> None:
        source = {**POSTGRES, "ts_us": 1_700_000_000_123_456, "ts_ns": 1_700_000_000_123_456_789}
        assert change(envelope("c", None, ROW, source)).commit_timestamp == 1_700_000_000_123_456
        source["ts_us"] = 5
        assert change(envelope("c", None, ROW, source)).commit_timestamp == 1_700_000_000_123_000


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
    new = b'{"schema":{"type":"struct","fields":[]},"payload":{"b":1,"a":2}}'
    wrapped_header = change(envelope("d", ROW), headers=(("__debezium.newkey", new),))
    assert json.loads(wrapped_header.envelope)["headers"] == {"__debezium.newkey": '{"a":2,"b":1}'}
    found = change(envelope("d", ROW), headers=(("__debezium.newkey", b'{"id":2}'), ("other", b"x")))
    assert json.loads(found.envelope)["headers"] == {"__debezium.newkey": '{"id":2}'}


class TestKeys:
    @pytest.mark.parametrize(
        ("key", "expected"),
        [
            (None, None),
            (b'{"id":9007199254740993}', '{"id":9007199254740993}'),
            (b"", None),
            (b'{"b": 1, "a": {"d": 1, "c": 2}}', '{"a":{"c":2,"d":1},"b":1}'),
            (b'{"schema":null,"payload":{"id":7}}', '{"id":7}'),
            (b'{ "payload": {"id":7}, "schema": {"type": "struct", "fields": []} }', '{"id":7}'),
            (b'{"schema":1,"id":7}', '{"id":7,"schema":1}'),
            (b'{"payload":7}', "7"),
            (b'{"payload":7,"schema":{"type":"int32"}}', "7"),
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
        ({"schema": {"type": "struct"}, "payload": None}, "tombstone"),
        ({"ts_ms": 1}, "heartbeat"),
        (
            {"schema": {"name": "io.debezium.connector.common.Heartbeat"}, "payload": {"ts_ms": 1}},
            "heartbeat",
        ),
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
        (b"null", "not_an_object", "$"),
        ({}, "missing_op", "$.op"),
        ({"id": 5}, "missing_op", "$.op"),
        ({"schema": 5, "payload": envelope("c", None, ROW)}, "invalid_schema", "$.schema"),
        (
            {"schema": {"type": "struct", "fields": "x"}, "payload": envelope("c", None, ROW)},
            "invalid_schema",
            "$.schema.fields",
        ),
        (envelope("c", None, ROW, {**POSTGRES, "schema": 5}), "wrong_type", "$.source.schema"),
        (
            envelope("c", None, ROW, {"connector": "sqlserver", "db": "d", "table": "t", "commit_lsn": "0"}),
            "unsupported_connector",
            "$.source.connector",
        ),
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


def test_what_is_skipped_is_counted_by_kind_also_for_prometheus() -> None:
    values = [None, None, {"ts_ms": 1}, {"status": "END", "id": "1"}, {"ddl": "x"}, envelope("m"), {"no": 1}]
    records = [
        Record(None if value is None else json.dumps(value).encode(), offset=offset)
        for offset, value in enumerate(values)
    ]
    decoded = BatchDecoder(Settings(), CDC_CHANGES).decode(columns(records), LATEST)
    assert decoded.skipped == {"tombstone": 2, "heartbeat": 1, "transaction": 1, "ddl": 1, "message": 1}
    assert [rejected.record.offset for rejected in decoded.rejected] == [6]
    status = SourceStatus(source="cdc_changes", skipped=decoded.skipped)
    assert status.details()["skipped"] == decoded.skipped
    registry = CollectorRegistry()
    registry.register(IngestionCollector({"cdc_changes": status}))
    metrics = generate_latest(registry).decode()
    assert 'dp_ingestion_skipped_total{kind="tombstone",source="cdc_changes"} 2.0' in metrics


def test_landing_has_the_columns_of_the_contract() -> None:
    assert LANDING[CDC_CHANGES.name].names == [
        *("change_id", "op", "operation", "is_snapshot", "connector", "database", "schema", "table", "key"),
        *("before", "after", "changed_columns", "unavailable_columns", "commit_timestamp", "sequence"),
        *("envelope", "source_topic", "source_partition", "source_offset", "source_timestamp"),
        *("ingest_timestamp", "source_system"),
    ]


def test_schemas_are_remembered_within_bounds() -> None:
    decoder = BatchDecoder(Settings(), CDC_CHANGES)
    for number in range(1_200):
        schema = {"type": "struct", "fields": [], "version": number}
        sent = json.dumps({"schema": schema, "payload": envelope("c", None, ROW)}).encode()
        assert decoder.decode(columns([Record(sent)]), LATEST).offsets == [7]
    assert len(decoder._changes._schemas._known) <= 512
