"""DuckDB's errors as ours: the code, a sentence, the place in the text and the nearest names."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import msgspec
from msgspec import Struct

from contracts.errors import QueryError
from web.sandbox.protocol import Failed
from web.sandbox.syntax import characters

LONGEST = 600
"""Most characters of a message."""
TOO_MUCH = "the query needs more memory than one query may have"
VANISHED = "vanished"
"""Code of the failure to open a file that is not there any more."""
DAMAGED = "damaged"
"""Code of the failure to read a file that is there."""
_FILE = re.compile(
    r"(?:No magic bytes found at end of file|Footer length error in file|Failed to read file|File|"
    r"Invalid string encoding found in Parquet file|Prefetch registered for bytes outside file:|"
    r"Could not read (?:enough bytes )?from file|Cannot open file|No files found that match the pattern) "
    r"['\"]?(/[^'\",]+)"
)
"""What DuckDB says of a file that it cannot read. Only from the beginning of a message: what a query puts
into one comes later."""


class _Told(Struct):
    """DuckDB's errors as JSON (setting `errors_as_json`)."""

    exception_message: str
    position: str = ""
    candidates: str = ""


def failed(error: Exception, sql: str) -> Failed:
    """What to say of an error that a query ended with."""
    if isinstance(error, QueryError):
        return Failed(
            code=error.code, message=str(error), offset=error.offset, suggestions=list(error.suggestions)
        )
    if isinstance(error, duckdb.OutOfMemoryException | MemoryError):
        return Failed(code="memory", message=TOO_MUCH)
    if isinstance(error, RecursionError):
        return Failed(code="refused", message="the query is nested too deeply")
    told = _told(str(error))
    if isinstance(error, duckdb.InternalException | duckdb.FatalException):
        return _inner(told)
    message = told.exception_message.strip()
    code, file = _code(error, message), _FILE.match(message)
    if file or code in (VANISHED, DAMAGED):
        path = file[1] if file else ""
        what = message.replace(path, Path(path).name) if path else message
        return Failed(code=code if code == VANISHED else DAMAGED, message=what[:LONGEST], file=path)
    if len(message) > LONGEST:
        message = message[:LONGEST] + " …"
    return Failed(
        code=code,
        message=message,
        offset=characters(sql, int(told.position)) if told.position.isdigit() else None,
        suggestions=[name.strip() for name in told.candidates.split(",") if name.strip()],
    )


def _code(error: Exception, message: str) -> str:
    if isinstance(error, duckdb.PermissionException):
        return "refused"
    if isinstance(error, duckdb.IOException):
        return VANISHED if "No files found" in message or "No such file" in message else DAMAGED
    if type(error) is duckdb.Error:  # what has no class of its own: all that is wrong within a Parquet file
        return DAMAGED
    return "invalid"


def _inner(told: _Told) -> Failed:
    """DuckDB's own faults: what it says of them is a stack trace with the places of our files."""
    if "allocation fail" in told.exception_message.lower():
        return Failed(code="memory", message=TOO_MUCH)
    return Failed(code="failed", message="the query met a fault of DuckDB")


def _told(text: str) -> _Told:
    start, end = text.find("{"), text.rfind("}") + 1  # internal errors have more words behind it
    try:
        return msgspec.json.decode(text[start:end], type=_Told)
    except msgspec.DecodeError:
        return _Told(exception_message=text)
