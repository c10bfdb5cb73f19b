"""The record key of an event, by its topic's own rule, found without decoding the rest of the line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from contracts.errors import ContractError
from contracts.sources import Source

Message = tuple[bytes | None, bytes | None]
"""Key and value of a record."""
Splitter = Callable[[bytes], Message]
"""Key and value of a line. Raises ContractError where the line has no such form."""

_BAD = (msgspec.MsgspecError, ValueError, RecursionError)


class _Keyed(Struct):
    key: Raw
    value: Raw


class _Rows(Struct):
    before: dict[str, Raw] | None = None
    after: dict[str, Raw] | None = None


class _Wrapped(Struct):
    payload: _Rows


def by_field(source: Source) -> Splitter:
    """The key is the text of the source's key field."""
    struct = msgspec.defstruct("Key", [(source.key_field, str)])
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(struct).decode
    name = source.key_field

    def split(line: bytes) -> Message:
        try:
            return getattr(decode(line), name).encode(), line
        except _BAD as error:
            raise ContractError(str(error)) from error

    return split


def by_columns(columns: Sequence[str]) -> Splitter:
    """The key of a change event's line is a JSON object of those columns of its row."""
    decode_bare = msgspec.json.Decoder(_Rows).decode
    decode_wrapped = msgspec.json.Decoder(_Wrapped).decode

    def split(line: bytes) -> Message:
        try:
            rows = decode_bare(line)
            if rows.before is None and rows.after is None:
                rows = decode_wrapped(line).payload
            row = rows.after or rows.before or {}
            return msgspec.json.encode({column: row[column] for column in columns}), line
        except (*_BAD, KeyError) as error:
            raise ContractError(f"no key: {error}") from error

    return split


def keyed(source: Source) -> Splitter:
    """Lines are `{"key":…,"value":…}`; a null value is a tombstone.

    A key that is a text stands for itself, except for change events, whose keys are JSON.
    """
    decode = msgspec.json.Decoder(_Keyed).decode

    def split(line: bytes) -> Message:
        try:
            both = decode(line)
            return _key(bytes(both.key), as_json=not source.key_field), _value(bytes(both.value))
        except _BAD as error:
            raise ContractError(str(error)) from error

    return split


def _key(text: bytes, *, as_json: bool) -> bytes | None:
    if text == b"null":
        return None
    if text.startswith(b'"') and not as_json:
        return msgspec.json.decode(text, type=str).encode()
    return text


def _value(text: bytes) -> bytes | None:
    return None if text == b"null" else text
