"""The functions that a query may call, described for people and editors in DuckDB's own words."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import duckdb
from msgspec import Struct

from web.sandbox.functions import AGGREGATES, MACROS, SCALAR, TABLE_FUNCTIONS, WINDOW

Kind = Literal["scalar", "aggregate", "window", "table"]
AGGREGATING_MACROS = frozenset(
    (
        *("geomean", "geometric_mean", "wavg", "weighted_avg"),
        *("json_group_array", "json_group_object", "json_group_structure"),
    )
)
_KINDS: tuple[tuple[Kind, frozenset[str]], ...] = (
    ("scalar", SCALAR | MACROS - AGGREGATING_MACROS),
    ("aggregate", AGGREGATES | AGGREGATING_MACROS),
    ("window", WINDOW),
    ("table", TABLE_FUNCTIONS),
)
_TOLD = """
SELECT lower(function_name), function_type = 'table', any_value(description), any_value(examples),
       list(DISTINCT [parameters, CASE WHEN varargs IS NULL THEN [] ELSE ['…'] END])
FROM duckdb_functions() WHERE schema_name IN ('main', 'pg_catalog') GROUP BY ALL
"""


class SqlFunction(Struct, frozen=True, kw_only=True):
    """A function that a statement may call."""

    name: str
    kind: Kind
    """scalar: a value for each row; aggregate: one for each group, or over a window; window: only with OVER;
    table: stands after FROM."""
    description: str | None
    """Null: DuckDB has no words for it."""
    signatures: list[str]
    """Each way to call it, by the names of what it takes, for example `substr(string, start, length)`."""
    example: str | None


@cache
def sql_functions() -> list[SqlFunction]:
    """All of them, by name and kind; one that is of two kinds is there twice. Takes some 50 ms once."""
    with duckdb.connect() as connection:
        rows = connection.execute(_TOLD).fetchall()
    told = {(name, is_table): tuple(rest) for name, is_table, *rest in rows}
    return sorted(
        (_described(name, kind, told) for kind, names in _KINDS for name in names),
        key=lambda one: (one.name, one.kind),
    )


def _described(name: str, kind: Kind, told: dict[tuple[str, bool], tuple[Any, ...]]) -> SqlFunction:
    description, examples, parameters = told.get((name, kind == "table"), (None, None, []))
    ways = {tuple(named + more) for named, more in parameters}
    return SqlFunction(
        name=name,
        kind=kind,
        description=description or None,
        signatures=[f"{name}({', '.join(way)})" for way in sorted(ways, key=lambda way: (len(way), way))],
        example=examples[0] if examples else None,
    )
