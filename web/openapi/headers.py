"""Headers of answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "The request's id: the client's `X-Request-Id` if it is a plain one, else a fresh "
        "one. The log has it.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
        "example": "5f0c6d9e6d3b4d6fb6f1a3f0b8a1c2d3",
    },
    "X-Cache": {
        "description": "hit: the answer was kept from an equal question, and no table has changed since.",
        "required": True,
        "schema": {"type": "string", "enum": ["hit", "miss"]},
        "example": "miss",
    },
    "X-Row-Count": {
        "description": "Number of rows. Not with a JSON answer that was sent while its query ran.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
        "example": "24",
    },
    "X-Truncated": {
        "description": "Whether there are more rows than were asked for or are allowed; as X-Row-Count.",
        "schema": {"type": "string", "enum": ["true", "false"]},
        "example": "false",
    },
    "X-Versions": {
        "description": "JSON: the Delta version that each table was read at. With every form but JSON, whose "
        "body says it.",
        "schema": {"type": "string", "contentMediaType": "application/json"},
        "example": '{"event_metrics_gold":412}',
    },
    "ETag": {
        "description": "Changes with the answer. Sent as `If-None-Match` it is answered 304 and no body "
        "while it is the same.",
        "required": True,
        "schema": {"type": "string", "pattern": '^".+"$'},
        "example": '"9a0364b9e99bb480dd25e1f0284c8555"',
    },
    "Retry-After": {
        "description": "Seconds to wait before the next try. With 429, and with 503 of the code `busy`.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
        "example": "1",
    },
    "WWW-Authenticate": {
        "description": "How to say who you are.",
        "schema": {"type": "string", "const": "Bearer"},
        "example": "Bearer",
    },
}
ROWS = ("X-Cache", "X-Row-Count", "X-Truncated", "X-Versions")
"""Those of answers with rows of tables."""


def headers_of(names: Iterable[str]) -> dict[str, Any]:
    """The headers of a response: the request's id, and those that are named."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *names)}
