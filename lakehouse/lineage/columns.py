"""Which columns a query's columns are made of, read from its SQL by sqlglot.

A column is made of every column that its expression reads, those that a window is partitioned and ordered by
among them. What only filters, joins or groups rows makes which rows there are, not what is in them: it is
lineage of the table. So `COUNT(*)` is made of no column.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node, lineage

from contracts.errors import ContractError

DIALECT = "spark"


class ColumnRef(Struct, frozen=True, order=True):
    """A column of a dataset."""

    dataset: str
    column: str


Relation = Mapping[str, tuple[ColumnRef, ...]]
"""What a query reads by one name: its columns, and what each of them is made of."""


def sources(sql: str, relations: Mapping[str, Relation]) -> dict[str, tuple[ColumnRef, ...]]:
    """Of each column that ``sql`` gives, in lower case: what it is made of, sorted. Identifiers may differ in
    case.

    Raises ContractError where a column cannot be told from its relations.
    """
    schema = {name: dict.fromkeys(columns, "string") for name, columns in relations.items()}
    try:
        outputs = lineage(
            None, sql, schema, dialect=DIALECT, trim_selects=False, validate_qualify_columns=True
        )
    except (SqlglotError, ValueError) as error:
        raise ContractError(f"no lineage of columns can be read from the SQL: {error}") from error
    known = {
        (name.lower(), column.lower()): made_of
        for name, columns in relations.items()
        for column, made_of in columns.items()
    }
    return {
        output: tuple(sorted({origin for leaf in _leaves(node) for origin in known[leaf]}))
        for output, node in outputs.items()
    }


def _leaves(node: Node) -> set[tuple[str, str]]:
    """The columns of tables at the ends: (relation, column) in lower case, as this dialect has it."""
    return {
        (found.expression.name.lower(), exp.to_column(found.name).name.lower())
        for found in node.walk()
        if isinstance(found.expression, exp.Table)
    }
