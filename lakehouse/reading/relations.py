"""Delta snapshots as DuckDB sees them: the SQL text that reads exactly a version's files.

The declared schema is given to DuckDB by name, so that no file has to be opened to find the columns: a
column that a file lacks is null there, and a timestamp that a writer stored in another form is read as the
declared type.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from lakehouse.reading.snapshot import Snapshot

_PLAIN = {
    pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.string(): "VARCHAR",
    pa.large_string(): "VARCHAR",
    pa.string_view(): "VARCHAR",
    pa.binary(): "BLOB",
    pa.large_binary(): "BLOB",
    pa.binary_view(): "BLOB",
    pa.date32(): "DATE",
}


def sql_type(arrow: pa.DataType) -> str:
    """DuckDB's type for an Arrow type. Raises ValueError for one that Delta cannot store either."""
    plain = _PLAIN.get(arrow)
    if plain is not None:
        return plain
    if pa.types.is_timestamp(arrow):
        return "TIMESTAMPTZ" if arrow.tz else "TIMESTAMP"
    if pa.types.is_decimal(arrow):
        return f"DECIMAL({arrow.precision}, {arrow.scale})"
    if pa.types.is_list(arrow) or pa.types.is_large_list(arrow):
        return f"{sql_type(arrow.value_type)}[]"
    if pa.types.is_map(arrow):
        return f"MAP({sql_type(arrow.key_type)}, {sql_type(arrow.item_type)})"
    if pa.types.is_struct(arrow):
        return f"STRUCT({', '.join(f'{identifier(f.name)} {sql_type(f.type)}' for f in arrow)})"
    raise ValueError(f"no SQL type for Arrow's {arrow}")


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def stored(field: pa.Field) -> str:
    """A column of a Parquet file, for a SELECT over it.

    Parquet's statistics leave NaN out, while DuckDB takes them to bound it: `x > 10` and even `isnan(x)` then
    lose its rows (https://github.com/duckdb/duckdb/issues/25521). Where NaN is written out as a branch, the
    bounds hold it.
    """
    name = identifier(field.name)
    if not pa.types.is_floating(field.type):
        return name
    return f"CASE WHEN isnan({name}) THEN CAST('NaN' AS {sql_type(field.type)}) ELSE {name} END AS {name}"


def select_of(snapshot: Snapshot, paths: Iterable[str] | None = None) -> str:
    """A SELECT of all columns over the snapshot's files, or over ``paths`` of them, by its reading rule."""
    chosen = [file.path for file in snapshot.files] if paths is None else list(paths)
    if not chosen:
        return select_of_nothing(snapshot.schema)
    in_files = [field for field in snapshot.schema if field.name not in snapshot.partition]
    by_name = ", ".join(
        f"{literal(f.name)}: {{name: {literal(f.name)}, type: {literal(sql_type(f.type))}, "
        "default_value: NULL}"
        for f in in_files
    )
    options = [f"schema = MAP {{{by_name}}}"]
    if snapshot.partition:
        types = ", ".join(
            f"{literal(name)}: {sql_type(snapshot.schema.field(name).type)}" for name in snapshot.partition
        )
        options += ["hive_partitioning = true", f"hive_types = {{{types}}}"]
    columns = ", ".join(stored(field) for field in snapshot.schema)
    files = ", ".join(literal(path) for path in chosen)
    rows = f"SELECT {columns} FROM read_parquet([{files}], {', '.join(options)})"
    return snapshot.rule(f"({rows})") if snapshot.rule else rows


def select_of_nothing(schema: pa.Schema) -> str:
    """A SELECT of these columns without a row."""
    columns = ", ".join(f"CAST(NULL AS {sql_type(f.type)}) AS {identifier(f.name)}" for f in schema)
    return f"SELECT {columns} WHERE false"
