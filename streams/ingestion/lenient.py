"""The slow path: the only judge of what is refused, and where tolerance lives.

Tolerated: a byte-order mark, unknown fields (kept), fractions finer than microseconds (cut, never rounded),
leap seconds (taken as the next second), duplicate keys (the last wins).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import msgspec

from contracts.errors import InvalidRecord
from streams.ingestion.canonical import Form, microseconds

BOM = b"\xef\xbb\xbf"
_decode = msgspec.json.Decoder().decode
_to_json = msgspec.json.Encoder().encode
_TIME = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:)(\d\d)(\.\d+)?(.*)", re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}")
_KINDS = (
    ("Object missing required field", "missing_field"),
    ("Invalid RFC3339", "bad_timestamp"),
    ("Expected `datetime` with", "bad_timestamp"),
    ("Invalid enum value", "out_of_range"),
    ("Number out of range", "out_of_range"),
    ("Integer value out of range", "out_of_range"),
)


def decode(form: Form, value: bytes, latest: int) -> list[Any]:
    """The columns of a canonical event, by ``form.names``, from bytes that the fast path did not prove valid.

    ``latest`` is the latest time accepted, microseconds. Raises InvalidRecord with the field's path.
    """
    fields = json_object(value)
    known = {name: fields.pop(name) for name in form.fields if name in fields}
    for name in form.times:
        if isinstance(known.get(name), str):
            known[name] = _tidied(known[name], name)
    try:
        event: Any = msgspec.convert(known, form.source.event)
    except msgspec.ValidationError as error:
        refuse(error)
    values = {name: getattr(event, name) for name in event.__struct_fields__}
    for name in form.times:
        if values[name] is not None:
            values[name] = settled_time(microseconds(values[name]), latest, f"$.{name}")
    if fields:
        kept = values.get(form.source.overflow_field) or {}
        values[form.source.overflow_field] = _merged(kept, fields)
    for name, content in values.items():
        if isinstance(content, dict):
            values[name] = to_text(content)
    form.learn(event)
    return [values.get(name) for name in form.names]


def json_object(value: bytes | None, decode_json: Callable[[bytes], Any] = _decode) -> dict[str, Any]:
    """The JSON object of a record's value. Raises InvalidRecord where it is none."""
    if not value:
        raise InvalidRecord("expected a JSON object, got no value", kind="empty")
    try:
        content = decode_json(value.removeprefix(BOM))
    except RecursionError:
        raise InvalidRecord("expected JSON of reasonable depth", kind="too_deep") from None
    except UnicodeDecodeError as error:
        raise InvalidRecord(
            f"expected UTF-8, got byte 0x{error.object[error.start]:02x}", kind="invalid_utf8"
        ) from None
    except msgspec.ValidationError as error:
        refuse(error)
    except (msgspec.DecodeError, ValueError, ArithmeticError) as error:
        cause = "a surrogate without its pair, or " if _SURROGATE.search(value) else ""
        raise InvalidRecord(f"expected JSON: {cause}{error}", kind="malformed_json") from None
    if not isinstance(content, dict):
        raise InvalidRecord(f"expected an object, got {_name(content)}", kind="not_an_object")
    return content


def refuse(error: msgspec.ValidationError) -> NoReturn:
    """Raises the InvalidRecord that says what msgspec found."""
    message, _, at = str(error).partition(" - at `")
    kind = next((kind for start, kind in _KINDS if message.startswith(start)), "")
    if not kind:
        # "Expected `int` >= 100" is about a value, "Expected `int`, got `str`" about a type.
        kind = "wrong_type" if ", got `" in message else "out_of_range"
    raise InvalidRecord(message, path=at.rstrip("`") or "$", kind=kind) from None


def settled_time(at: int, latest: int, path: str) -> int:
    """``at`` (microseconds since 1970) where it is in range. Raises InvalidRecord."""
    if at < 0:
        raise InvalidRecord("expected a time from 1970 on", path=path, kind="bad_timestamp")
    if at > latest:
        raise InvalidRecord(
            "expected a time not after ingestion's clock and the skew allowed, "
            f"{datetime.fromtimestamp(latest // 1_000_000, UTC):%Y-%m-%dT%H:%M:%SZ}",
            path=path,
            kind="future_timestamp",
        )
    return at


def to_text(content: Any) -> str:
    """JSON text of an object. Raises InvalidRecord where it nests too deeply to be written again."""
    try:
        return _to_json(content).decode()
    except RecursionError:
        raise InvalidRecord("expected JSON of reasonable depth", kind="too_deep") from None


def _tidied(text: str, name: str) -> str | datetime:
    """The text with its fraction cut to microseconds; a leap second as the next one."""
    match = _TIME.fullmatch(text)
    if match is None:
        return text
    minute, second, fraction, zone = match.groups()
    fraction = (fraction or "")[:7]
    if second != "60":
        return f"{minute}{second}{fraction}{zone}"
    path = f"$.{name}"
    try:
        last = msgspec.convert(f"{minute}59{fraction}{zone}", datetime)
    except msgspec.ValidationError:
        raise InvalidRecord("expected an RFC 3339 time", path=path, kind="bad_timestamp") from None
    if last.tzinfo is None:
        raise InvalidRecord("expected an RFC 3339 time with an offset", path=path, kind="bad_timestamp")
    following = last.astimezone(UTC) + timedelta(seconds=1)
    if (following.day, following.hour, following.minute) != (1, 0, 0):
        raise InvalidRecord(
            "expected a second below 60: a leap second is the last one of a month, UTC",
            path=path,
            kind="bad_timestamp",
        )
    return following


def _merged(kept: dict[str, Any], unknown: dict[str, Any]) -> dict[str, Any]:
    """Unknown fields beside those of the overflow object; one of the same name gets a trailing underscore."""
    merged = dict(kept)
    for name, value in unknown.items():
        while name in merged:
            name += "_"
        merged[name] = value
    return merged


def _name(content: Any) -> str:
    if content is None:
        return "null"
    if isinstance(content, bool):
        return "a boolean"
    if isinstance(content, list):
        return "an array"
    return "a string" if isinstance(content, str) else "a number"
