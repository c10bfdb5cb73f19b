"""The change events of tests/samples, from their bytes to the captured tables as entities_silver has them.

The rows are written down here as the databases had them in the end.
"""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from contracts.layout import table_path
from contracts.settings import Settings
from contracts.sources import CDC_CHANGES
from lakehouse.embedded import EmbeddedEngine
from lakehouse.medallion.rounds import Rounds
from streams.ingestion.decoding import BatchDecoder
from tests.streams.ingestion.change_records import Record
from tests.streams.ingestion.event_records import columns, rows

FOLDER = Path(__file__).parents[1] / "samples" / "debezium"
LATEST = 1_800_000_000_000_000
"""Ingestion's clock: after all samples."""
Tables = dict[tuple[str, str], dict[int, Any]]
"""(database, table) → key → row."""

PRODUCTS = {
    102: ("car battery", "12V car battery", 8.1),
    103: ("12-pack drill bits", "12-pack of drill bits with sizes ranging from #40 to #3", 0.8),
    104: ("hammer", "12oz carpenter's hammer", 0.75),
    105: ("hammer", "14oz carpenter's hammer", 0.875),
    106: ("hammer", "18oz carpenter hammer", 1.0),
    107: ("rocks", "box of assorted rocks", 5.1),
    108: ("jacket", "water resistent black wind breaker", 0.1),
    109: ("spare tire", "24 inch spare tire", 22.2),
    110: ("jacket", "new water resistent white wind breaker", 0.5),
}


def product(number: int, weight: float | None = None, **more: Any) -> dict[str, Any]:
    name, description, usual = PRODUCTS[number]
    row = {"id": number, "name": name, "description": description}
    return row | {"weight": usual if weight is None else weight} | more


SCOOTER = {"id": 101, "name": "scooter", "description": "Small 2-wheel scooter", "weight": 3.14}

EXPECTED: dict[str, Tables] = {
    "flink_pg12_replica_identity_default": {
        ("postgres", "products"): {101: SCOOTER, **{number: product(number) for number in PRODUCTS}}
    },
    "paimon_mysql19_bare_evolution": {
        ("test", "paimon_1"): {101: SCOOTER},
        ("test", "paimon_2"): {102: product(102)},
        ("test", "ignore"): {103: product(103)},
        ("test", "flink"): {104: product(104)},
        ("test", "t1"): {
            101: {**SCOOTER, "address": "Beijing"},
            102: product(102, address="Shanghai"),
            103: product(103, age=19),
            104: product(104, age=25),
        },
        ("test", "t2"): {103: product(103, address="Beijing"), 104: product(104, address="Shanghai")},
        ("test", "test"): {1: {"id": 1, "value": "A"}, 2: {"id": 2, "value": "B"}},
        ("test", "product"): {
            102: product(102),
            103: product(103),
            104: product(104),
            105: product(105, address="Beijing"),
            107: product(107, 5.3),
        },
    },
    "paimon_mysql19_wrapped_evolution_delete": {
        ("inventory", "products"): {101: {**SCOOTER, "weight": 3.140000104904175}},
        ("test", "product"): {
            103: product(103, age=18),
            104: product(104, age=24),
            105: {**product(104, age="24"), "id": 105},
        },
    },
    "postgresql15_captured": {
        # The large columns that its two updates leave out were stored before the capture began.
        ("shop", "big"): {1: {"id": 1, "n": 2, "t": "short"}},
        ("shop", "plain"): {4: {"id": 4, "a": "last", "n": 4, "at": "2023-01-01T00:00:00Z", "pr": 0}},
    },
}


def records_of(name: str) -> list[Record]:
    if name == "postgresql15_captured":
        sent = [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines()]
        return [
            Record(
                one["value"] and one["value"].encode(),
                one["key"] and one["key"].encode(),
                tuple((header, text and text.encode()) for header, text in one["headers"]),
                offset=offset,
            )
            for offset, one in enumerate(sent)
        ]
    records = []
    for offset, line in enumerate((FOLDER / f"{name}.ndjson").read_bytes().splitlines()):
        content = json.loads(line)
        change = content.get("payload", content)
        row = change["after"] or change["before"] or {"id": 111}  # the delete that has nothing but its key
        key = json.dumps({"id": row.get("id", row.get("_id"))}).encode()
        records.append(Record(line, key, offset=offset))
    return records


@pytest.mark.heavy
@pytest.mark.parametrize("name", EXPECTED)
def test_the_tables_are_as_their_databases_had_them(
    settings: Settings, landing: Any, engine: EmbeddedEngine, name: str
) -> None:
    decoded = BatchDecoder(settings, CDC_CHANGES).decode(columns(records_of(name)), LATEST)
    assert decoded.rejected == []
    found = rows(decoded)
    with closing(Rounds(settings, engine)) as rounds:
        half = len(found) // 2
        for part in (found[:half], found[half:]):
            landing.add(CDC_CHANGES, part)
            rounds.bronze()
            rounds.silver()
        assert rounds.status.failures == dict.fromkeys(rounds.status.failures, 0), rounds.status.errors
    table = DeltaTable(str(table_path(settings, "silver", "entities_silver"))).to_pyarrow_table()
    now: Tables = defaultdict(dict)
    for row in table.to_pylist():
        if row["is_current"]:
            number = json.loads(row["key"])["id"]
            assert number not in now[row["database"], row["table"]], "one row a key"
            now[row["database"], row["table"]][number] = json.loads(row["row"])
    if name == "postgresql15_captured":
        assert set(now.pop(("shop", "types"))) == {1, 2, 3, 4, 5}
    assert now == EXPECTED[name]
