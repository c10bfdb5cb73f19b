"""Tools that know nothing of the platform read its tables, each with its own reader."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
from deltalake import DeltaTable


def by_deltalake(path: Path) -> pa.Table:
    return DeltaTable(str(path)).to_pyarrow_table()


def by_polars(path: Path) -> pa.Table:
    return pl.scan_delta(str(path)).collect().to_arrow()


def by_duckdb(path: Path) -> pa.Table:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("external", DeltaTable(str(path)).to_pyarrow_dataset())
        return connection.sql("SELECT * FROM external").to_arrow_table()


def by_pandas(path: Path) -> pa.Table:
    frame = DeltaTable(str(path)).to_pandas(types_mapper=pd.ArrowDtype)
    return pa.Table.from_pandas(frame, preserve_index=False)


READERS: dict[str, Callable[[Path], pa.Table]] = {
    "deltalake": by_deltalake,
    "polars": by_polars,
    "duckdb": by_duckdb,
    "pandas": by_pandas,
}


def plain(rows: pa.Table) -> list[str]:
    """All rows, in a fixed order, their columns by name."""
    return sorted(repr([(name, _plain(row[name])) for name in sorted(row)]) for row in rows.to_pylist())


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return "nan" if math.isnan(value) else value + 0.0
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value
