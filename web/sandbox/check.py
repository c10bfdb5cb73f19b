"""The first layer of the sandbox: is this text one SELECT over tables and functions that may be used?

A refusal says what is refused and what may be done instead. It need not be complete: DuckDB's own syntax
tree is checked again in the worker (``web.sandbox.syntax``), and the worker can do no harm in any case.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlglot import exp

from contracts.errors import QueryError
from lakehouse.datasets.nearest import nearest, unknown
from web.sandbox.functions import ALLOWED, TABLE_FUNCTIONS
from web.sandbox.names import INFORMATION_SCHEMA, is_information, is_like_a_file, is_reserved
from web.sandbox.parsing import SyntaxRefused, statements

_READERS = (exp.ReadCSV, exp.ReadParquet)
_OTHER_STATEMENTS = (
    *(
        exp.DML,
        exp.DDL,
        exp.Command,
        exp.Set,
        exp.Show,
        exp.Describe,
        exp.Pragma,
        exp.Attach,
        exp.Detach,
        exp.Use,
    ),
    *(exp.Transaction, exp.Commit, exp.Rollback),
)
"""DuckDB takes INSERT, UPDATE, DELETE and COPY within a WITH, too."""
_TABLE_FUNCTION_NODES = (exp.GenerateSeries, exp.Unnest, exp.Explode)


def check(sql: str, tables: Collection[str]) -> frozenset[str]:
    """The declared tables that the query reads, lower case; ``tables`` are the names there are.

    A query over `information_schema` reads all of them. Raises QueryError (`invalid`: it does not parse;
    `refused`) and NotFound for a table that is not there.
    """
    query = _query(sql)
    for statement in query.find_all(*_OTHER_STATEMENTS):
        raise _only_select(statement)
    for function in query.find_all(exp.Func):
        _check_function(function)
    names = {name.lower() for name in tables}
    own = _CommonTables(query)
    found: set[str] = set()
    for table in query.find_all(exp.Table):
        found |= _read(table, names, own)
    return frozenset(found)


def _query(sql: str) -> exp.Query | exp.Values:
    parsed = statements(sql)
    if not parsed:
        raise QueryError("the query is empty", code="invalid")
    if len(parsed) > 1:
        raise QueryError(f"one SELECT at a time, not {len(parsed)} statements", code="refused")
    query = parsed[0]
    if isinstance(query, exp.Column | exp.Alias | exp.Condition):
        raise SyntaxRefused("syntax: this is no SELECT")
    if not isinstance(query, exp.Query | exp.Values):
        raise _only_select(query)
    return query


def _only_select(statement: exp.Expr) -> QueryError:
    kind = statement.this if isinstance(statement, exp.Command) else statement.key
    return QueryError(f"only SELECT is allowed, not {str(kind).upper()}", code="refused")


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


def _read(table: exp.Table, names: Collection[str], own: _CommonTables) -> set[str]:
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
        if is_information(name):
            return set(names)
        raise QueryError(
            f"{schema}.{name} is not allowed", code="refused", offset=_start(table.this)
        )  # its views' texts name the files of the tables
    if catalog or schema not in ("", "main"):
        dotted = ".".join(part.name for part in table.parts)
        raise QueryError(
            f"table {dotted}: only plain table names are allowed", code="refused", offset=_start(table.this)
        )
    if not schema and own.hide(table):
        return set()
    if name in names:
        return {name}
    if is_like_a_file(table.name):
        raise QueryError(
            f"{table.name!r} is not a table; files cannot be read", code="refused", offset=_start(table.this)
        )
    raise unknown("table", table.name, names, offset=_start(table.this))


def _start(node: exp.Expr) -> int | None:
    """Characters before an expression's name."""
    start = node.meta.get("start")
    return int(start) if start is not None else None


class _CommonTables:
    """The common table expressions of a query, and where each can be seen."""

    def __init__(self, query: exp.Expr) -> None:
        self._places: dict[int, dict[str, int]] = {}
        for clause in query.find_all(exp.With):
            names = [cte.alias.lower() for cte in clause.expressions]
            for cte, name in zip(clause.expressions, names, strict=True):
                if is_reserved(name) or is_like_a_file(name):
                    raise QueryError(
                        f"{name!r} is not allowed as the name of an expression",
                        code="refused",
                        offset=_start(cte.args["alias"].this),
                    )
            self._places[id(clause)] = {name: place for place, name in enumerate(names)}

    def hide(self, table: exp.Table) -> bool:
        """Whether the reference means one of them: those of the queries around it, but not one that comes
        later, nor the one that it stands in. A recursive one is itself in the right arm of its union only;
        elsewhere DuckDB reads the table of that name."""
        name = table.name.lower()
        way: list[exp.Expr] = [table]
        while (parent := way[-1].parent) is not None:
            if isinstance(parent, exp.With):
                place = self._places[id(parent)].get(name)
                if place is not None and _is_seen(parent, place, way):
                    return True
            else:
                clause = parent.args.get("with_")
                if (
                    isinstance(clause, exp.With)
                    and clause is not way[-1]
                    and name in self._places[id(clause)]
                ):
                    return True
            way.append(parent)
        return False


def _is_seen(clause: exp.With, place: int, way: list[exp.Expr]) -> bool:
    """Whether the clause's expression at ``place`` can be seen where the way up to another, or to itself,
    begins."""
    here = next(number for number, cte in enumerate(clause.expressions) if cte is way[-1])
    body = way[-1].this
    if place != here or not clause.recursive or not isinstance(body, exp.Union):
        return place < here
    return any(step is body.expression for step in way)
