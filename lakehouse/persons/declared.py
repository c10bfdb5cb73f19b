"""What the columns of every table and file hold of persons, derived from the declarations."""

from __future__ import annotations

from lakehouse.datasets import Dataset
from lakehouse.datasets.personal import PERSONAL
from lakehouse.persons.rows import Kinds


def kinds_of(declared: Dataset) -> Kinds:
    """Of a table; columns that it has got later are texts."""
    kinds = {column.name: column.personal or PERSONAL.get(column.name, "") for column in declared.columns}
    return {name: kind for name, kind in kinds.items() if kind}


def kinds_of_files() -> Kinds:
    """Of landing, views and the batch jobs' results: columns are called as in the tables."""
    return PERSONAL
