"""Change events as databases send them, from their bytes to the tables as they are now in entities_silver.

Covers, of the cases under "Change events", what each leaves behind: key changes, the order of one key,
unchanged large columns, decimals, dates, TRUNCATE, messages without op, deletes with nothing but a key, and
snapshots. Each case has a table of its own and is played record by record and all at once.
"""

from __future__ import annotations

import base64
import copy
import json
from decimal import Decimal
from typing import Any

import pytest
from deltalake import DeltaTable

from contracts.layout import table_path
from contracts.settings import Settings
from contracts.sources import CDC_CHANGES
from lakehouse.embedded import EmbeddedEngine
from lakehouse.medallion.rounds import Rounds
from streams.ingestion.debezium.unavailable import MARKER
from streams.ingestion.decoding import BatchDecoder
from tests.streams.ingestion.change_records import LATEST, MYSQL, POSTGRES, Record, envelope, wrapped
from tests.streams.ingestion.event_records import columns, rows

Sent = tuple[Any, Any, tuple[tuple[str, bytes], ...]]
"""Key, value (None: a tombstone) and headers."""
DECIMAL = {
    "type": "bytes",
    "name": "org.apache.kafka.connect.data.Decimal",
    "parameters": {"scale": "4"},
    "field": "price",
}
DATE = {"type": "int32", "name": "io.debezium.time.Date", "field": "born"}
SCHEMA = [{"type": "int32", "field": "id"}, DECIMAL, DATE]


def pg(op: str, key: int | None, row: Any = None, *, lsn: int, before: Any = None, **source: Any) -> Sent:
    place = {**POSTGRES, "lsn": lsn, **source}
    return (None if key is None else {"id": key}, envelope(op, before, row, place), ())


def my(op: str, key: int, row: Any = None, *, pos: int = 484, before: Any = None) -> Sent:
    return ({"id": key}, envelope(op, before, row, {**MYSQL, "pos": pos}), ())


def tombstone(key: int) -> Sent:
    return ({"id": key}, None, ())


def with_header(sent: Sent, name: str, key: int) -> Sent:
    return (sent[0], sent[1], ((name, json.dumps({"id": key}).encode()),))


def one(number: int, **values: Any) -> dict[str, Any]:
    return {"id": number, **values}


CASES: dict[str, tuple[list[Sent], dict[int, Any]]] = {
    "key_change_mysql": (
        [my("c", 1, one(1)), my("d", 1, before=one(1), pos=900), tombstone(1), my("c", 2, one(2), pos=900)],
        {2: one(2)},
    ),
    "key_change_postgresql": (
        [
            pg("c", 1, one(1), lsn=10),
            with_header(pg("d", 1, before=one(1), lsn=20), "__debezium.newkey", 2),
            tombstone(1),
            with_header(pg("c", 2, one(2), lsn=20), "__debezium.oldkey", 1),
        ],
        {2: one(2)},
    ),
    "insert_delete_insert": (
        [pg("c", 1, one(1, v=1), lsn=10), pg("d", 1, lsn=11), tombstone(1), pg("c", 1, one(1, v=2), lsn=12)],
        {1: one(1, v=2)},
    ),
    "insert_delete_insert_out_of_order": (
        [pg("c", 1, one(1, v=2), lsn=12), pg("c", 1, one(1, v=1), lsn=10), pg("d", 1, lsn=11)],
        {1: one(1, v=2)},
    ),
    "another_key_with_a_lower_lsn": (
        [pg("c", 1, one(1), lsn=100), pg("c", 2, one(2), lsn=50), pg("u", 2, one(2, v=1), lsn=60)],
        {1: one(1), 2: one(2, v=1)},
    ),
    "unchanged_large_columns": (
        [
            pg("c", 1, one(1, text="long", raw="AAAA", many=["x"], n=1), lsn=10),
            pg(
                "u",
                1,
                one(1, text=MARKER, raw=base64.b64encode(MARKER.encode()).decode(), many=[MARKER], n=2),
                lsn=11,
            ),
            pg("u", 1, one(1, text="new", raw="AAAA", many=[MARKER], n=3), lsn=12),
        ],
        {1: one(1, text="new", raw="AAAA", many=["x"], n=3)},
    ),
    "decimals_and_dates": (
        [({"id": 1}, wrapped(SCHEMA, envelope("c", None, one(1, price="BAg=", born=-354_285))), ())],
        {1: one(1, price=Decimal("0.1032"), born="1000-01-01")},
    ),
    "decimals_without_a_schema": ([pg("c", 1, one(1, price="BAg="), lsn=1)], {1: one(1, price="BAg=")}),
    "numbers": (
        [pg("c", 1, one(1, big=9_223_372_036_854_775_806, odd=9_007_199_254_740_993), lsn=1)],
        {1: one(1, big=9_223_372_036_854_775_806, odd=9_007_199_254_740_993)},
    ),
    "truncate": (
        [
            pg("c", 1, one(1), lsn=1),
            pg("c", 2, one(2), lsn=2),
            pg("t", None, lsn=3),
            pg("c", 3, one(3), lsn=4),
            pg("u", 1, one(1, v="before the truncate, and late"), lsn=2),
        ],
        {3: one(3)},
    ),
    "messages": (
        [
            pg("c", 1, one(1), lsn=1),
            (None, {"ts_ms": 1_700_000_000_000}, ()),
            (None, {"status": "BEGIN", "id": "1", "ts_ms": 1_700_000_000_000}, ()),
            (None, {"source": {**MYSQL, "table": "messages"}, "ddl": "DROP TABLE messages"}, ()),
            pg("m", None, lsn=9),
        ],
        {1: one(1)},
    ),
    "deletes_by_key": (
        [
            *(pg("c", number, one(number, v=1), lsn=number) for number in (1, 2, 3, 4)),
            pg("d", 1, lsn=11),
            pg("d", 2, before=one(2), lsn=12),
            pg("d", 3, before=one(0, v=0), lsn=13),  # zeros where no old row was to be had: the key tells
        ],
        {4: one(4, v=1)},
    ),
    "second_snapshot": (
        [
            pg("r", 1, one(1, v=1), lsn=10, snapshot="true"),
            pg("u", 1, one(1, v=2), lsn=20),
            pg("r", 1, one(1, v=2), lsn=30, snapshot="true"),
            pg("r", 2, one(2), lsn=30, snapshot="last"),
        ],
        {1: one(1, v=2), 2: one(2)},
    ),
    "a_change_beats_a_snapshot_of_its_place": (
        [pg("u", 1, one(1, v="streamed"), lsn=30), pg("r", 1, one(1, v="read"), lsn=30, snapshot="true")],
        {1: one(1, v="streamed")},
    ),
}


def sent_in_turns() -> list[list[Record]]:
    """The first record of each case, then the second of each, …"""
    turns: list[list[Record]] = []
    for turn in range(max(len(sent) for sent, _ in CASES.values())):
        for table, (sent, _) in CASES.items():
            if turn >= len(sent):
                continue
            key, value, headers = copy.deepcopy(sent[turn])  # sources are shared with other tests
            if value is not None:
                source = value.get("payload", value).get("source")
                if source:
                    source["table"] = table
            if len(turns) <= turn:
                turns.append([])
            turns[turn].append(
                Record(
                    None if value is None else json.dumps(value).encode(),
                    None if key is None else json.dumps(key).encode(),
                    headers,
                    offset=1_000 * turn + len(turns[turn]),
                )
            )
    return turns


@pytest.mark.heavy
@pytest.mark.parametrize("is_split", [True, False], ids=["record by record", "at once"])
def test_each_case_leaves_the_rows_of_its_database(
    settings: Settings, landing: Any, engine: EmbeddedEngine, is_split: bool
) -> None:
    turns = sent_in_turns()
    batches = turns if is_split else [[record for turn in turns for record in turn]]
    rounds = Rounds(settings, engine)
    skipped = 0
    for batch in batches:
        decoded = BatchDecoder(settings, CDC_CHANGES).decode(columns(batch), LATEST)
        assert decoded.rejected == []
        skipped += decoded.skipped.total()
        landing.add(CDC_CHANGES, rows(decoded))
        rounds.bronze()
        rounds.silver()
    assert rounds.status.failures == dict.fromkeys(rounds.status.failures, 0), rounds.status.errors
    rounds.close()
    assert skipped == 3 + 4, "tombstones, and messages without op"

    versions = (
        DeltaTable(str(table_path(settings, "silver", "entities_silver"))).to_pyarrow_table().to_pylist()
    )
    now: dict[str, dict[int, Any]] = {table: {} for table in CASES}
    for row in versions:
        if row["is_current"]:
            key = json.loads(row["key"])["id"]
            assert key not in now[row["table"]], "one row a key"
            now[row["table"]][key] = json.loads(row["row"], parse_float=Decimal)
    assert now == {table: expected for table, (_, expected) in CASES.items()}
    again = [row for row in versions if row["table"] == "second_snapshot"]
    assert len(again) == 3, "a second snapshot adds no version of a row that it finds unchanged"
