"""Packed records as polars frames in the form of the landing files, and back to Arrow for writing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import polars as pl
import pyarrow as pa
from msgspec import Struct

from contracts.errors import ContractError
from contracts.landing import LANDING
from contracts.sources import Source
from streams.packing import PackedRecord
from streams.payload import from_payload

TIMESTAMP = pl.Datetime("us", "UTC")


@cache
def landing_types(source_name: str) -> Mapping[str, pl.DataType]:
    """Column → polars type of a source's landing files, in order."""
    return dict(pl.Schema(LANDING[source_name]))


class Accepted(Struct, frozen=True):
    """A record of which the events above a source offset count."""

    record: PackedRecord
    above: int


def landing_frame(source: Source, partition: int, accepted: Sequence[Accepted]) -> pl.DataFrame:
    """Rows of the records' events that count, in the order of the records.

    Columns are the landing file's without ``is_late``, one row an event. Raises ContractError where a payload
    is not what its record says.
    """
    records = [each.record for each in accepted]
    types = landing_types(source.name)
    rows = sum(record.n for record in records)
    if rows == 0:
        empty = pl.DataFrame(schema=dict(types))
        return empty.drop("is_late", strict=False)
    tables = [from_payload(source, record.payload) for record in records]
    for record, table in zip(records, tables, strict=True):
        if table.num_rows != record.n:
            raise ContractError(
                f"packed records of {source.name}: {table.num_rows} events, {record.n} announced"
            )
    frame = pl.DataFrame(pl.from_arrow(pa.concat_tables(tables).combine_chunks()))
    counts = [record.n for record in records]
    added = {
        "source_topic": pl.repeat(source.topic, rows, eager=True),
        "source_partition": pl.repeat(partition, rows, dtype=pl.Int32, eager=True),
        "source_offset": pl.Series(_joined(record.offsets for record in records)),
        "source_timestamp": pl.Series(_joined(record.source_timestamps_ms for record in records)) * 1000,
        "ingest_timestamp": pl.Series(
            np.repeat(np.array([record.ingest_timestamp for record in records], dtype=np.int64), counts)
        ),
        "source_system": _systems(records, rows),
    }
    columns = [name for name in types if name != "is_late"]
    frame = frame.with_columns(
        **{name: series for name, series in added.items() if name in types}
    ).with_columns(pl.col(name).cast(TIMESTAMP) for name in columns if isinstance(types[name], pl.Datetime))
    frame = frame.select(columns)
    required = [field.name for field in LANDING[source.name] if not field.nullable and field.name in columns]
    missing = frame.select(pl.any_horizontal(pl.col(required).is_null()).any()).item()
    if missing:
        raise ContractError(f"packed records of {source.name}: a required column is null")
    if any(each.above >= each.record.first for each in accepted):
        floors = np.repeat(np.array([each.above for each in accepted], dtype=np.int64), counts)
        frame = frame.filter(pl.col("source_offset") > pl.Series(floors))
    return frame


def _systems(records: Sequence[PackedRecord], rows: int) -> pl.Series:
    first = records[0].systems
    if len(first) == 1 and all(record.systems == first for record in records):
        return pl.repeat(first[0], rows, dtype=pl.String, eager=True)
    systems: list[str] = []
    for record in records:
        systems.extend(record.source_system)
    return pl.Series(systems, dtype=pl.String)


def arrow_table(frame: pl.DataFrame, schema: pa.Schema) -> pa.Table:
    """The frame with exactly the schema's columns, types and nullability."""
    table: pa.Table = frame.select(schema.names).to_arrow(compat_level=pl.CompatLevel.oldest())
    return table.cast(schema)


def _joined(parts: object) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.concatenate([np.frombuffer(part, dtype=np.int64) for part in parts])  # type: ignore[attr-defined]
