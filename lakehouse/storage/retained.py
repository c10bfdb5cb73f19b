"""From which date on a table has all of its rows: what retention has removed is not taken for never been.

It stands in the table's own properties, so that it goes wherever the table does and outlives its commits.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from deltalake import DeltaTable

from lakehouse.storage import commits

PROPERTY = "lakehouse.retainedFrom"


def retained_from(path: Path) -> date | None:
    """The first UTC date of which no row has been removed for its age; None: none has ever been."""
    text = DeltaTable(str(path)).metadata().configuration.get(PROPERTY)
    return date.fromisoformat(text) if text else None


def retain_from(path: Path, day: date) -> None:
    """Says so before older rows are removed. It never moves back."""
    known = retained_from(path)
    if known is not None and known >= day:
        return
    table = DeltaTable(str(path))
    table.alter.set_table_properties(
        {PROPERTY: day.isoformat()},
        raise_if_not_exists=False,
        commit_properties=commits.changing_nothing(path, table.version()),
    )
