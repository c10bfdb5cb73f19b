"""The limit of nesting of a record's JSON, judged without decoding it."""

from __future__ import annotations

import re

MAX_DEPTH = 500
"""Most levels of a record's JSON. Of our own, because the interpreter's limit differs between versions."""
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")


def may_be_deep(value: bytes) -> bool:
    """A cheap look: False where the text cannot nest beyond the limit."""
    return len(value) > MAX_DEPTH and value.count(b"[") + value.count(b"{") > MAX_DEPTH


def is_too_deep(value: bytes) -> bool:
    """Whether a JSON text, which may be malformed, nests beyond the limit."""
    if not may_be_deep(value):
        return False
    depth = deepest = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", value)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest > MAX_DEPTH
