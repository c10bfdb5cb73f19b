"""Changes reach `outputs/cdc_transformed` as they were decoded: packed, read by the worker, written."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from contracts.landing import LANDING
from contracts.sources import CDC_CHANGES
from streams import packing
from streams.frames import Accepted, arrow_table, landing_frame
from streams.ingestion.debezium.changes import Change
from streams.payload import batch_of, to_payload
from tests.streams.ingestion.change_records import MYSQL, POSTGRES, ROW, change, envelope, wrapped

DATE = {"field": "day", "type": "int32", "name": "io.debezium.time.Date"}
MARKER = "__debezium_unavailable_value"


def written(path: Path, *changes: Any) -> list[dict[str, Any]]:
    """The rows of the file that a worker writes of these changes, at the offsets 7, 8, …"""
    offsets = list(range(7, 7 + len(changes)))
    batch = batch_of(
        CDC_CHANGES, {name: [getattr(c, name) for c in changes] for name in Change.__struct_fields__}
    )
    record = packing.encode(
        topic_id="t",
        prev=6,
        first=7,
        through=offsets[-1],
        ingest_timestamp=5_000_000,
        offsets=offsets,
        source_timestamps_ms=[4_000] * len(changes),
        source_systems=["unknown"] * len(changes),
        payload=to_payload([batch]),
    )
    frame = landing_frame(CDC_CHANGES, 2, [Accepted(packing.decode(record), 6)])
    pq.write_table(arrow_table(frame, LANDING[CDC_CHANGES.name]), path)
    table = pq.read_table(path)
    assert table.schema.equals(LANDING[CDC_CHANGES.name])
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def test_an_update_with_everything(tmp_path: Path) -> None:
    before = {**ROW, "day": -354_285, "big": MARKER}
    after = {**ROW, "day": 0, "big": MARKER, "name": "nul \u0000 and \u2028 and 🦆"}
    sent = wrapped([DATE], envelope("u", before, after))
    (row,) = written(tmp_path / "file", change(sent, headers=(("__debezium.oldkey", b'{"id":0}'),)))
    assert json.loads(row.pop("before")) == {**ROW, "day": "1000-01-01"}
    assert json.loads(row.pop("after")) == {**ROW, "day": "1970-01-01", "name": after["name"]}
    kept = json.loads(row.pop("envelope"))
    assert (kept["after"], kept["headers"]) == (after, {"__debezium.oldkey": '{"id":0}'})
    assert row == {
        "change_id": "topic_cdc_changes/2/7",
        "op": "u",
        "operation": "UPDATE",
        "is_snapshot": False,
        "connector": "postgresql",
        "database": "shop",
        "schema": "public",
        "table": "orders",
        "key": '{"id":1}',
        "changed_columns": ["day", "name"],
        "unavailable_columns": ["big"],
        "commit_timestamp": datetime(2023, 11, 14, 22, 13, 20, 123_000, UTC),
        "sequence": "00000000000024023128",
        "source_topic": "topic_cdc_changes",
        "source_partition": 2,
        "source_offset": 7,
        "source_timestamp": datetime(1970, 1, 1, 0, 0, 4, tzinfo=UTC),
        "ingest_timestamp": datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC),
        "source_system": "unknown",
    }


def test_what_is_absent_is_null(tmp_path: Path) -> None:
    truncate = change(envelope("t", source={**POSTGRES, "schema": None}), key=None)
    insert = change(envelope("c", None, {"id": 2**63 + 1, "price": 0.1}, MYSQL), key=b"text")
    (first, second) = written(tmp_path / "file", truncate, insert)
    absent = ("schema", "key", "before", "after", "changed_columns")
    assert [first[name] for name in absent] == [None] * 5
    assert (first["operation"], first["unavailable_columns"]) == ("TRUNCATE", [])
    assert (second["schema"], second["key"]) == (None, '"text"')
    assert second["after"] == '{"id":9223372036854775809,"price":0.1}'
    assert second["source_offset"] == 8
