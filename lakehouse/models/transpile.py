"""The models' SQL, from the Spark dialect to DuckDB's."""

from __future__ import annotations

from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from contracts.errors import ContractError


@lru_cache(maxsize=256)
def query(sql: str) -> str:
    """A model. Raises ContractError where it is not exactly one query."""
    try:
        statements = sqlglot.parse(sql, read="spark")
    except SqlglotError as error:
        raise ContractError(f"not SQL that both engines run: {error}") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise ContractError("a model is one SELECT")
    return _as_spark_means(statements[0]).sql(dialect="duckdb")


@lru_cache(maxsize=256)
def condition(sql: str) -> str:
    """A rule's condition. Raises ContractError where it is none."""
    try:
        return _as_spark_means(sqlglot.condition(sql, dialect="spark")).sql(dialect="duckdb")
    except SqlglotError as error:
        raise ContractError(f"not a condition: {sql}: {error}") from error


def _as_spark_means(tree: exp.Expr) -> exp.Expr:
    """What sqlglot's translation alone would give another meaning. Inner parts come first."""
    for node in reversed(list(tree.walk())):
        new = _translated(node)
        if new is None:
            continue
        if node is tree:
            tree = new
        else:
            node.replace(new)
    return tree


def _translated(node: exp.Expr) -> exp.Expr | None:
    match node:
        case exp.Cast() if node.to.this in exp.DataType.TEXT_TYPES:
            return _as_text(node.this)
        case exp.TryCast():
            # Spark in ANSI mode fails on a bad cast; sqlglot makes it a null.
            return exp.Cast(this=node.this.copy(), to=node.to.copy())
        case exp.Floor():
            # Spark's is a whole number.
            return exp.cast(node.copy(), exp.DataType.Type.BIGINT)
        case exp.TsOrDsToDate() if node.args.get("format") is None:
            return exp.cast(node.this.copy(), exp.DataType.Type.DATE)
        case exp.TsOrDsAdd():
            # DuckDB's date + interval is a timestamp.
            return exp.cast(node.copy(), exp.DataType.Type.DATE)
        case exp.IsNan():
            # Spark's is false for null.
            return exp.Coalesce(this=node.copy(), expressions=[exp.false()])
        case exp.Trim() if node.args.get("expression") is None:
            # Spark's takes spaces alone off, not what Unicode holds for one.
            return exp.Trim(this=node.this.copy(), expression=exp.Literal.string(" "))
        case exp.ArrayAgg() if not isinstance(node.parent, exp.Filter):
            return _never_null(node)
        case exp.Filter() if isinstance(node.this, exp.ArrayAgg):
            return _never_null(node)
        case exp.ArraySort():
            return _sorted_structs(node)
        case exp.ArgMax():
            # DuckDB's ARG_MAX leaves out rows whose first value is null.
            return exp.Anonymous(this="ARG_MAX_NULL", expressions=[node.this.copy(), node.expression.copy()])
    return None


def _never_null(collected: exp.Expr) -> exp.Expr:
    """Spark collects an empty list from no rows."""
    return exp.Coalesce(this=collected.copy(), expressions=[exp.Array()])


def _sorted_structs(node: exp.ArraySort) -> exp.Expr | None:
    """Fails for structs with a null in them: Spark puts it first, DuckDB last."""
    collected = node.find(exp.ArrayAgg)
    if collected is None or not isinstance(collected.this, exp.Struct):
        return None
    fields = [
        field.expression if isinstance(field, exp.PropertyEQ) else field
        for field in collected.this.expressions
    ]
    lacking: exp.Expr = exp.LogicalOr(this=exp.or_(*(field.copy().is_(exp.null()) for field in fields)))
    chosen = node.find(exp.Filter)
    if chosen is not None:
        lacking = exp.Filter(this=lacking, expression=chosen.expression.copy())
    return exp.Case().when(lacking, _error("a null in a STRUCT that is sorted")).else_(node.copy())


def _error(text: str) -> exp.Expr:
    return exp.Anonymous(this="ERROR", expressions=[exp.Literal.string(f"{text}: engines differ")])


def _as_text(value: exp.Expr) -> exp.Expr:
    """Fails for what engines write differently: `1.0E10` and `1e10`, a time with its zone or without."""
    if isinstance(value, exp.Literal | exp.Null):
        return exp.cast(value.copy(), exp.DataType.Type.TEXT)
    kind = exp.Anonymous(this="TYPEOF", expressions=[value.copy()])
    differing = [
        exp.Literal.string(name) for name in ("DOUBLE", "FLOAT", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")
    ]
    return (
        exp.Case()
        .when(kind.isin(*differing), _error("a DOUBLE or TIMESTAMP cast to STRING"))
        .else_(exp.cast(value.copy(), exp.DataType.Type.TEXT))
    )
