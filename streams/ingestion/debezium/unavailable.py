"""Columns whose value the database did not send, and columns that changed.

PostgreSQL does not send a large value that an update left as it was; Debezium puts a marker in its place, in
a form that fits the column's type. The marker is never data.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from typing import Any

MARKER = "__debezium_unavailable_value"
_BYTES = MARKER.encode()
_TEXTS = frozenset(
    {
        MARKER,
        base64.b64encode(_BYTES).decode(),
        _BYTES.hex(),
        str(uuid.UUID(bytes=hashlib.md5(_BYTES, usedforsecurity=False).digest(), version=3)),
    }
)
"""Of texts; of bytea, by the connector's mode; of an array of UUIDs."""
_NUMBERS = list(_BYTES)
"""Of arrays of numbers: one for each byte."""
_FILLED: tuple[Any, ...] = (None, 0, "", [], {}, "1970-01-01T00:00:00Z", "AA==")
"""What stands in a row of which only the key is known: nulls, and zeros in NOT NULL columns."""

Row = dict[str, Any]


def take_unavailable(row: Row | None) -> set[str]:
    """Removes the columns that hold the marker, at any depth, and names them."""
    if row is None:
        return set()
    names = {name for name, value in row.items() if _is_marked(value)}
    for name in names:
        del row[name]
    return names


def changed_columns(
    before: Row | None, after: Row | None, key: Any, unavailable: set[str], *, fills: bool
) -> list[str] | None:
    """Columns whose wire value differs; None where ``before`` is not the whole row.

    ``unavailable`` are columns that an update left as they were. ``fills``: the connector fills what it does
    not know of NOT NULL columns with zeros, as PostgreSQL's does where only the key is logged.
    """
    if before is None or after is None or not after.keys() <= before.keys():
        return None
    others = before.keys() - (key.keys() if isinstance(key, dict) else set())
    nothing = _FILLED if fills else (None,)
    if others and all(before[name] in nothing for name in others):
        return None
    return sorted(
        name
        for name in before.keys() | after.keys()
        if name not in unavailable and _differ(before.get(name), after.get(name))
    )


def _is_marked(value: Any) -> bool:
    if isinstance(value, str):
        return value in _TEXTS
    if isinstance(value, list):
        return value == _NUMBERS or any(_is_marked(item) for item in value)
    if isinstance(value, dict):
        return MARKER in value or any(_is_marked(item) for item in value.values())
    return False


def _differ(one: Any, other: Any) -> bool:
    return type(one) is not type(other) or bool(one != other)
