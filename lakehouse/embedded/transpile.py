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
    return _strict(statements[0]).sql(dialect="duckdb")


@lru_cache(maxsize=256)
def condition(sql: str) -> str:
    """A rule's condition. Raises ContractError where it is none."""
    try:
        return _strict(sqlglot.condition(sql, dialect="spark")).sql(dialect="duckdb")
    except SqlglotError as error:
        raise ContractError(f"not a condition: {sql}: {error}") from error


def _strict(tree: exp.Expr) -> exp.Expr:
    """Spark in ANSI mode fails on a bad cast; sqlglot's translation would give null."""
    return tree.transform(
        lambda node: exp.Cast(this=node.this, to=node.to) if isinstance(node, exp.TryCast) else node
    )
