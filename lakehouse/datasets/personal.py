"""Columns that hold persons, by name: the same in landing, views, tables and results.

Every text column is searched when a person is erased; what stands here says whether the whole row goes.
"""

from __future__ import annotations

from typing import Literal

Personal = Literal["", "id", "record", "json"]
"""``id``: the user's id, the row is about that user. ``record``: a record as JSON, the row is about the users
whose ids are in it. ``json``: JSON that may mention users. Empty: a text, which may as well."""

PERSONAL: dict[str, Personal] = {
    "user_id": "id",
    "key": "record",
    "before": "record",
    "after": "record",
    "envelope": "record",
    "row": "record",
    "properties": "json",
    "extra": "json",
    "dimensions": "json",
}
