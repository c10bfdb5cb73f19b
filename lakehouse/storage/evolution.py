"""Columns that come later: which changes of a file's or a table's columns are taken, and which are refused.

A new nullable column is taken; a column that is not there is null. A column of another type is refused before
anything is written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import sqlglot
from sqlglot import exp

from contracts.errors import ContractError, SchemaMismatch
from contracts.landing import TIMESTAMP

Extras = dict[str, pa.DataType]
"""Columns beyond the declared ones, by name."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
"""Delta itself takes others, but not each of its readers."""
TYPES = (
    pa.string(),
    pa.bool_(),
    pa.int32(),
    pa.int64(),
    pa.float64(),
    pa.date32(),
    TIMESTAMP,
    pa.list_(pa.string()),
)
"""What a new column may be: what both engines read and write."""


def conformed(
    schema: pa.Schema, path: Path, rows: pa.Table, extras: Extras, reserved: Sequence[str] = ()
) -> pa.Table:
    """The rows in the columns of ``schema``, and behind them the columns that it does not have.

    New ones are added to ``extras``; none may be called as one of ``reserved``. Raises SchemaMismatch for a
    column of another type than the one declared or known, a doubled or missing one, and nulls where there may
    be none.
    """
    names = rows.schema.names
    if len({name.lower() for name in names}) != len(names):
        raise SchemaMismatch(f"{path} has a column twice")
    missing = [field.name for field in schema if field.name not in names and not field.nullable]
    if missing:
        raise SchemaMismatch(f"{path} lacks the columns {', '.join(missing)}")
    fields = [field for field in schema if field.name in names]
    fresh: Extras = {}
    for name in names:
        if name in schema.names:
            continue
        known = {other.lower(): other for other in (*schema.names, *reserved, *extras)}
        if known.get(name.lower(), name) != name or name in reserved:
            raise SchemaMismatch(f"{path} has a column {name}, but {known[name.lower()]} is ours")
        if not _NAME.fullmatch(name):
            raise SchemaMismatch(f"{path} has a new column {name!r}: names are letters, digits and _")
        found = plain(rows.schema.field(name).type)
        if pa.types.is_null(found) and name not in extras:
            continue  # nothing in it, and nothing says what it should be
        fresh[name] = extras.get(name, found)
        if fresh[name] not in TYPES:
            raise SchemaMismatch(f"{path} has a new column {name} of a type that tables do not take: {found}")
        fields.append(pa.field(name, fresh[name]))
    for field in fields:
        found = plain(rows.schema.field(field.name).type)
        if found != field.type and not pa.types.is_null(found):
            raise SchemaMismatch(
                f"{path} has {field.name} as {found}, which is {field.type}: a type never changes"
            )
    try:
        taken = rows.select([field.name for field in fields]).cast(pa.schema(fields))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise SchemaMismatch(f"{path} has other values than declared: {error}") from error
    extras |= fresh
    return with_columns(taken, [*schema, *(pa.field(name, kind) for name, kind in fresh.items())])


def with_columns(rows: pa.Table, fields: list[pa.Field]) -> pa.Table:
    """The rows with exactly these columns; those that they lack are null."""
    columns = [
        rows[field.name] if field.name in rows.schema.names else pa.nulls(rows.num_rows, field.type)
        for field in fields
    ]
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def widened_sql(sql: str, names: Sequence[str]) -> str:
    """A model of one SELECT from one table that gives these columns of it as well.

    Raises ContractError where the model is of another kind.
    """
    tree = sqlglot.parse_one(sql, dialect="spark")
    source = tree.args.get("from_") if isinstance(tree, exp.Select) else None
    if source is None or any(tree.args.get(part) for part in ("joins", "group", "distinct", "with_")):
        raise ContractError("only a model of one SELECT from one table takes further columns")
    assert isinstance(tree, exp.Select)
    columns = [exp.column(exp.to_identifier(name, quoted=True)) for name in names]
    return tree.select(*columns).sql(dialect="spark")


def plain(kind: pa.DataType) -> pa.DataType:
    """The type without the ways in which writers keep the same values."""
    if pa.types.is_dictionary(kind):
        return plain(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return TIMESTAMP
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(plain(kind.value_type))
    return kind
