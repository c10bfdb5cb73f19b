"""The limit of nesting of a record's JSON, judged without decoding it."""

from __future__ import annotations

import re

from contracts.errors import InvalidRecord

MAX_DEPTH = 500
"""Most levels of a record's JSON. Of our own, because the interpreter's limit differs between versions."""
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]++|\\.?+)*+(?:"|\Z)|[\[\]{}]', re.DOTALL)
"""Never tries a place twice: hostile texts are as long as records may be."""


def may_be_deep(value: bytes) -> bool:
    """A cheap look: False where the text cannot nest beyond the limit."""
    return len(value) > MAX_DEPTH and value.count(b"[") + value.count(b"{") > MAX_DEPTH


def is_too_deep(value: bytes) -> bool:
    """Whether a JSON text, which may be malformed, nests beyond the limit."""
    if not may_be_deep(value):
        return False
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(value):
        kind = value[found.start()]
        if kind in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif kind in b"]}":
            depth -= 1
    return False


def check_depth(value: bytes) -> None:
    """Raises InvalidRecord for a JSON text that nests beyond the limit."""
    if is_too_deep(value):
        raise InvalidRecord(f"expected JSON of at most {MAX_DEPTH} levels", kind="too_deep")
