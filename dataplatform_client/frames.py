"""Arrow tables as the API sends them, made into what analysts expect.

- Timestamps are in UTC, also those without a zone.
- Whole decimals of 38 digits, which is what `sum` of integers is in DuckDB, become 64-bit integers where all
  values of the column fit; else they stay decimals.
- Intervals become durations, a month being 30 days.
- A column's second name of a kind gets a number: `n`, `n_2`.
- In pandas integers and booleans are its nullable types, so that nulls do not make them floats; dates are
  `datetime64`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

_DAYS_OF_MONTH = 30
_MICROSECONDS_OF_DAY = 86_400_000_000


def read(content: bytes) -> pa.Table:
    """An Arrow stream as a table with the types above."""
    import pyarrow as pa

    with pa.ipc.open_stream(content) as stream:
        table = stream.read_all()
    columns = [_usual(column) for column in table.columns]
    return pa.Table.from_arrays(columns, names=_different(table.column_names))


def polars(table: pa.Table) -> pl.DataFrame:
    import polars as pl

    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def pandas(table: pa.Table) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    nullable = {
        pa.int8(): pd.Int8Dtype(),
        pa.int16(): pd.Int16Dtype(),
        pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(),
        pa.uint8(): pd.UInt8Dtype(),
        pa.uint16(): pd.UInt16Dtype(),
        pa.uint32(): pd.UInt32Dtype(),
        pa.uint64(): pd.UInt64Dtype(),
        pa.bool_(): pd.BooleanDtype(),
    }
    return table.to_pandas(types_mapper=nullable.get, date_as_object=False)


def _usual(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    kind = column.type
    if pa.types.is_timestamp(kind) and kind.tz != "UTC":
        return column.cast(pa.timestamp(kind.unit, "UTC"))
    if pa.types.is_decimal(kind) and kind.scale == 0 and kind.precision == 38:
        return _as_integers(column)
    if kind == pa.month_day_nano_interval():
        return pa.chunked_array([[_microseconds(span) for span in column.to_pylist()]], pa.duration("us"))
    return column


def _as_integers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:  # a value does not fit
        return column


def _microseconds(span: Any) -> int | None:
    if span is None:
        return None
    months, days, nanoseconds = span
    return int((months * _DAYS_OF_MONTH + days) * _MICROSECONDS_OF_DAY + nanoseconds // 1000)


def _different(names: list[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        number, fresh = 1, name
        while fresh in found or (number > 1 and fresh in names):
            number += 1
            fresh = f"{name}_{number}"
        found.append(fresh)
    return found
