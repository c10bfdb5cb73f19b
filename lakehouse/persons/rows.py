"""A table of rows without a person: which rows go, and which values lose a mention of the id."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from lakehouse.datasets.personal import Personal
from lakehouse.persons.person import Person

Kinds = Mapping[str, Personal]
"""What columns hold, by name; others are texts."""


class Erased(Struct, frozen=True, kw_only=True):
    """What is left of some rows."""

    rows: pa.Table
    removed: int
    """Rows that went."""
    blotted: int
    """Values that mentioned the id and no longer do."""

    @property
    def is_changed(self) -> bool:
        return bool(self.removed or self.blotted)


def without(person: Person, rows: pa.Table, kinds: Kinds) -> Erased:
    """Rows about the person go, by the columns that say so; elsewhere only the mention of the id does."""
    going = np.zeros(rows.num_rows, dtype=bool)
    for name in rows.column_names:
        kind = kinds.get(name, "")
        if kind in ("id", "record"):
            is_about = person.id.__eq__ if kind == "id" else person.is_in_record
            for index in _candidates(person, rows[name]):
                going[index] = going[index] or is_about(rows[name][int(index)].as_py())
    removed = int(going.sum())
    kept = rows.filter(pa.array(~going)) if removed else rows
    blotted = 0
    for place, name in enumerate(kept.column_names):
        clean = person.without_in_json if kinds.get(name, "") in ("json", "record") else person.without
        column, count = _blotted(person, kept[name], clean)
        if count:
            kept = kept.set_column(place, kept.schema.field(name), column)
            blotted += count
    return Erased(rows=kept, removed=removed, blotted=blotted)


def _candidates(person: Person, column: pa.ChunkedArray) -> Any:
    """Places of values that may have the id in them."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        flat = pc.list_flatten(column)
        if not pa.types.is_string(flat.type) or not len(_candidates(person, pa.chunked_array([flat]))):
            return []
        return [index for index, values in enumerate(column.to_pylist()) if values]
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return []
    found = np.zeros(len(column), dtype=bool)
    for needle in person.needles:
        found |= pc.fill_null(pc.match_substring(column, needle), False).to_numpy(zero_copy_only=False)
    return found.nonzero()[0]


def _blotted(
    person: Person, column: pa.ChunkedArray, clean: Callable[[str], str]
) -> tuple[pa.ChunkedArray, int]:
    places = _candidates(person, column)
    if not len(places):
        return column, 0
    values = column.to_pylist()
    count = 0
    for index in places:
        before = values[index]
        after = (
            [clean(value) if value is not None else None for value in before]
            if isinstance(before, list)
            else clean(before)
        )
        if after != before:
            values[index] = after
            count += 1
    return (pa.chunked_array([pa.array(values, column.type)]), count) if count else (column, 0)
