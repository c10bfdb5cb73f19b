"""Previews: some rows of one table, by columns, condition and order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from sqlglot import exp

from contracts.errors import QueryError
from lakehouse.datasets import Dataset
from lakehouse.datasets.nearest import unknown
from lakehouse.reading.relations import identifier, select_of, select_of_nothing
from lakehouse.reading.snapshot import Snapshot, newest_files
from web.sandbox.parsing import statements

NEWEST_FILES = 4
"""A plain preview reads at most so many files."""


class Preview(Struct, frozen=True, kw_only=True):
    """What of a table is asked for."""

    limit: int | None = None
    columns: tuple[str, ...] = ()
    """Empty: all."""
    where: str = ""
    """A condition over its columns, in DuckDB's dialect."""
    order: tuple[str, ...] = ()
    """Columns, each with a minus in front for the greatest first."""
    as_of: datetime | None = None

    @property
    def plain(self) -> bool:
        """Whether any rows will do, so that the newest are taken."""
        return not (self.where or self.order or self.as_of)


def statement(dataset: Dataset, preview: Preview, limit: int) -> str:
    """The SELECT of a preview that is not plain; the sandbox checks it like any other.

    Raises NotFound for a column that there is not, QueryError for what is no condition.
    """
    columns = _listed(dataset, preview.columns)
    order = [f"{_column(dataset, o.lstrip('-'))} {'DESC' if o[:1] == '-' else 'ASC'}" for o in preview.order]
    if not order and dataset.time:
        order = [f"{identifier(dataset.time)} DESC"]
    text = f"SELECT {columns} FROM {identifier(dataset.name)}"
    if preview.where:
        text += f" WHERE {_condition(preview.where)}"
    if order:
        text += f" ORDER BY {', '.join(order)}"
    return f"{text} LIMIT {limit}"


def trusted_statement(dataset: Dataset, snapshot: Snapshot | None, columns: Sequence[str], limit: int) -> str:
    """The SELECT of a plain preview: the newest rows of the files that were added last."""
    chosen = _listed(dataset, columns)
    if snapshot is None:
        return f"SELECT {chosen} FROM ({select_of_nothing(dataset.schema)})"
    files = [file.path for file in newest_files(snapshot, limit, NEWEST_FILES)]
    newest = f" ORDER BY {identifier(dataset.time)} DESC" if dataset.time in snapshot.schema.names else ""
    return f"SELECT {chosen} FROM ({select_of(snapshot, files)}){newest} LIMIT {limit}"


def _listed(dataset: Dataset, columns: Sequence[str]) -> str:
    return ", ".join(_column(dataset, name) for name in columns) or "*"


def _column(dataset: Dataset, name: str) -> str:
    names = dataset.schema.names
    if name not in names:
        raise unknown(f"column of {dataset.name}", name, names)
    return identifier(name)


def _condition(text: str) -> str:
    """The text as one condition, in brackets that it cannot leave."""
    try:
        found = statements(f"SELECT 1 WHERE ({text}\n)")
    except QueryError as error:
        raise QueryError(f"where: {error}", code=error.code) from error
    select = found[0] if len(found) == 1 else None
    if not isinstance(select, exp.Select) or not _only_where(select):
        raise QueryError("where: one condition is expected, such as user_id = 'u1' AND event_value > 10")
    return f"({text}\n)"


def _only_where(select: exp.Select) -> bool:
    """Whether nothing but a condition in brackets stands behind the column."""
    clauses = {name for name, value in select.args.items() if value}
    return clauses == {"expressions", "where"} and isinstance(select.args["where"].this, exp.Paren)
