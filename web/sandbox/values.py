"""Values of a query's answer in JSON and CSV.

JSON: integers keep every digit, however long; NaN and the infinities are the texts `NaN`, `Infinity` and
`-Infinity` (JSON has no other way); decimals are text; timestamps are RFC 3339 with `Z` (a timestamp without
a zone is UTC, as everything here); dates and times ISO 8601; intervals ISO 8601
durations, a month being 30 days; bytes base64. CSV has the same texts, and a text cell that a spreadsheet
would run as a formula begins with an apostrophe.
"""

from __future__ import annotations

import math
import re
from base64 import b64encode
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

_encode = msgspec.json.Encoder().encode
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z")
_QUOTED = re.compile(r'[",\r\n]|^\s|\s$')


def json_row(row: Sequence[Any]) -> bytes:
    """One row as a JSON array."""
    return _encode([plain(value) for value in row])


def plain(value: Any) -> Any:
    """A value that msgspec writes as the JSON that the module promises."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**64 else msgspec.Raw(str(value).encode())
    if isinstance(value, float):
        return value if math.isfinite(value) else _special(value)
    if isinstance(value, dict):
        return {_key(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return _text(value)


def csv_header(names: Sequence[str]) -> bytes:
    return csv_row(names)


def csv_row(row: Sequence[Any]) -> bytes:
    """One CSV line, CRLF at its end (RFC 4180). Null is empty, an empty text is `\"\"`."""
    return (",".join(_cell(value) for value in row) + "\r\n").encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else _special(value)
    if isinstance(value, (dict, list, tuple)):
        text = _encode(plain(value)).decode()
    else:
        text = value if isinstance(value, str) else _text(value)
    if text.startswith(_FORMULA) and not _NUMBER.match(text):
        text = "'" + text
    return '"' + text.replace('"', '""') + '"' if not text or _QUOTED.search(text) else text


def _text(value: Any) -> str:
    match value:
        case datetime():
            return value.replace(tzinfo=None).isoformat() + "Z"
        case date() | time():
            return value.isoformat()
        case timedelta():
            return str(msgspec.to_builtins(value))
        case bytes() | bytearray() | memoryview():
            return b64encode(value).decode()
        case Decimal() | UUID():
            return str(value)
    return str(value)


def _key(value: Any) -> str:
    if isinstance(value, str):
        return value
    return _encode(plain(value)).decode().strip('"')


def _special(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
