"""The first layer of the sandbox: is this text one SELECT over tables and functions that may be used?

A refusal says what is refused and what may be done instead. It need not be complete: DuckDB's own syntax
tree is checked again in the worker (``web.sandbox.syntax``), and the worker can do no harm in any case.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from contracts.errors import QueryError
from lakehouse.datasets.nearest import nearest, unknown
from web.sandbox.functions import ALLOWED, TABLE_FUNCTIONS

MAX_LENGTH = 64 * 1024
"""Longest text of a query, characters."""
INFORMATION_SCHEMA = "information_schema"

_READERS = (exp.ReadCSV, exp.ReadParquet)
_TABLE_FUNCTION_NODES = (exp.GenerateSeries, exp.Unnest, exp.Explode)


class SyntaxRefused(QueryError):
    """The text does not parse here; what DuckDB says of it is clearer."""


def check(sql: str, tables: Collection[str]) -> frozenset[str]:
    """The declared tables that the query reads, lower case; ``tables`` are the names there are.

    A query over `information_schema` reads all of them. Raises QueryError (`invalid`: it does not parse;
    `refused`) and NotFound for a table that is not there.
    """
    query = _parse(sql)
    for function in query.find_all(exp.Func):
        _check_function(function)
    names = {name.lower() for name in tables}
    found: set[str] = set()
    for table in query.find_all(exp.Table):
        found |= _read(table, names)
    return frozenset(found)


def _parse(sql: str) -> exp.Query | exp.Values:
    if len(sql) > MAX_LENGTH:
        raise QueryError(f"the query is longer than {MAX_LENGTH:,} characters", code="refused")
    if "\x00" in sql:
        raise QueryError("the query contains a NUL character", code="invalid")
    try:
        parsed = [statement for statement in sqlglot.parse(sql, dialect="duckdb") if statement is not None]
    except SqlglotError as error:
        raise SyntaxRefused(f"syntax: {_first_line(error)}", offset=_place(sql, error)) from error
    except RecursionError:
        raise QueryError("the query is nested too deeply", code="refused") from None
    if not parsed:
        raise QueryError("the query is empty", code="invalid")
    if len(parsed) > 1:
        raise QueryError(f"one SELECT at a time, not {len(parsed)} statements", code="refused")
    query = parsed[0]
    if isinstance(query, exp.Column | exp.Alias | exp.Condition):
        raise SyntaxRefused("syntax: this is no SELECT")
    if not isinstance(query, exp.Query | exp.Values):
        kind = query.key.upper() if not isinstance(query, exp.Command) else str(query.this).upper()
        raise QueryError(f"only SELECT is allowed, not {kind}", code="refused")
    return query


def _check_function(function: exp.Func) -> None:
    if isinstance(function, _READERS):
        raise QueryError(
            f"function {function.sql_name().lower()} is not allowed", code="refused", offset=_start(function)
        )
    # A function that sqlglot has a class for is one of SQL's own, under a name that may not be DuckDB's.
    if isinstance(function, exp.Anonymous | exp.AnonymousAggFunc):
        name = function.name.lower()
        if name not in ALLOWED and name not in TABLE_FUNCTIONS:
            raise QueryError(
                f"function {name} is not allowed",
                code="refused",
                offset=_start(function),
                suggestions=nearest(name, ALLOWED),
            )


def _read(table: exp.Table, names: Collection[str]) -> set[str]:
    """The declared tables that one table reference reads."""
    if isinstance(table.this, exp.Func):
        if isinstance(table.this, _TABLE_FUNCTION_NODES) or table.this.name.lower() in TABLE_FUNCTIONS:
            return set()
        raise QueryError(
            f"table function {table.this.name.lower()} is not allowed",
            code="refused",
            offset=_start(table.this),
        )
    name, schema, catalog = table.name.lower(), table.db.lower(), table.catalog
    if schema == INFORMATION_SCHEMA and not catalog:
        return set(names)
    if catalog or schema not in ("", "main"):
        raise QueryError(
            f"table {table.sql('duckdb')}: only plain table names are allowed",
            code="refused",
            offset=_start(table.this),
        )
    if not schema and name in _common_tables(table):
        return set()
    if name in names:
        return {name}
    if any(character in table.name for character in "/\\.:*?"):
        raise QueryError(
            f"{table.name!r} is not a table; files cannot be read", code="refused", offset=_start(table.this)
        )
    raise unknown("table", table.name, names, offset=_start(table.this))


def _start(node: exp.Expr) -> int | None:
    """Characters before an expression's name."""
    start = node.meta.get("start")
    return int(start) if start is not None else None


def _place(sql: str, error: SqlglotError) -> int | None:
    """Characters before the word that the parser stopped at."""
    found = error.errors[0] if isinstance(error, ParseError) and error.errors else {}
    line, column, word = found.get("line"), found.get("col"), found.get("highlight") or ""
    if line is None or column is None:
        return None
    before = sum(len(text) for text in sql.splitlines(keepends=True)[: line - 1])
    return max(before + int(column) - len(word), 0)


def _common_tables(table: exp.Table) -> set[str]:
    """Names of the common table expressions that the reference can see: those of the queries around it, but
    not the one it stands in itself (unless recursive), nor a later one."""
    visible: set[str] = set()
    node: exp.Expr = table
    while node.parent is not None:
        parent = node.parent
        if isinstance(parent, exp.With):
            visible |= {cte.alias.lower() for cte in _before(parent, node)}
        else:
            clause = parent.args.get("with_")
            if isinstance(clause, exp.With) and clause is not node:
                visible |= {cte.alias.lower() for cte in clause.expressions}
        node = parent
    return visible


def _before(clause: exp.With, stop: exp.Expr) -> Iterator[exp.Expr]:
    for cte in clause.expressions:
        if cte is stop:
            if clause.recursive:
                yield cte
            return
        yield cte


def _first_line(error: SqlglotError) -> str:
    # sqlglot underlines the place with terminal codes; a JSON message wants the words alone.
    return str(error).splitlines()[0].replace("\x1b[4m", "").replace("\x1b[0m", "")
