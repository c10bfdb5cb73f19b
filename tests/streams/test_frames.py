"""Canonical events of each source come out with exactly the landing columns."""

from __future__ import annotations

import pyarrow as pa
import pytest

from contracts.errors import ContractError
from contracts.landing import LANDING
from contracts.sources import SOURCES, Source, source_named
from streams.frames import Accepted, arrow_table, landing_frame, landing_types
from streams.packing import decode, encode
from streams.payload import payload_schema, to_payload

ADDED = {"source_topic", "source_partition", "source_offset", "source_timestamp", "ingest_timestamp",
         "source_system", "is_late"}  # fmt: skip
SAMPLES = {pa.string(): "zoë\u0000\n", pa.float64(): -1.5, pa.int32(): 7, pa.bool_(): True,
           pa.timestamp("us", tz="UTC"): 1_234_567, pa.list_(pa.string()): ["a", "b"]}  # fmt: skip


def accepted(source: Source, events: list[dict[str, object]], above: int = -1) -> Accepted:
    data = encode(
        topic_id="t",
        prev=-1,
        first=0,
        through=len(events),
        ingest_timestamp=5,
        offsets=list(range(len(events))),
        source_timestamps_ms=[3] * len(events),
        source_systems=[f"system-{number % 2}" for number in range(len(events))],
        payload=to_payload(pa.Table.from_pylist(events, schema=payload_schema(source)).to_batches()),
    )
    return Accepted(decode(data), above)


def sample(source: Source, *, full: bool) -> dict[str, object]:
    return {
        field.name: SAMPLES[field.type] if full or not field.nullable else None
        for field in LANDING[source.name]
        if field.name not in ADDED
    }


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_every_column_of_every_source_arrives(source: Source) -> None:
    events = [sample(source, full=True), sample(source, full=False)]
    frame = landing_frame(source, 3, [accepted(source, events)])
    schema = LANDING[source.name]
    if "is_late" in schema.names:
        frame = frame.with_columns(is_late=False)
    table = arrow_table(frame, schema)
    assert table.schema.equals(schema)
    rows = table.to_pylist()
    for row, event in zip(rows, events, strict=True):
        for name, value in event.items():
            got = row[name].timestamp() * 1e6 if hasattr(row[name], "timestamp") else row[name]
            assert got == value, name
    assert [row["source_offset"] for row in rows] == [0, 1]
    assert {row["source_topic"] for row in rows} == {source.topic}
    if "source_system" in schema.names:
        assert [row["source_system"] for row in rows] == ["system-0", "system-1"]
    assert list(landing_types(source.name)) == schema.names


def test_events_at_or_below_the_floor_are_left_out() -> None:
    source = source_named("users")
    events = [sample(source, full=True)] * 3
    frame = landing_frame(source, 0, [accepted(source, events, above=1)])
    assert frame["source_offset"].to_list() == [2]


def test_a_required_column_that_is_null_is_refused() -> None:
    source = source_named("users")
    with pytest.raises(ContractError, match="required column is null"):
        landing_frame(source, 0, [accepted(source, [sample(source, full=True) | {"user_id": None}])])
