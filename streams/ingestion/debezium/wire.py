"""Values and keys of Kafka records out of Kafka Connect's JSON, wrapped with their schema or bare.

Numbers keep every digit: fractions are decoded as decimals and written as they came.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Raw, Struct

from contracts.errors import InvalidRecord
from streams.ingestion.debezium.schemas import Schemas
from streams.ingestion.lenient import json_object
from streams.ingestion.nesting import check_depth

_NO_JSON = (msgspec.MsgspecError, ValueError, RecursionError, ArithmeticError)
_WRAPPED = (b'{"schema"', b'{"payload"')
RECENT_SCHEMAS = 16
_encoder = msgspec.json.Encoder(decimal_format="number")
_key_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


class _Wrapping(Struct, forbid_unknown_fields=True, gc=False):
    payload: Raw
    schema: Raw = Raw(b"null")


_unwrap = msgspec.json.Decoder(_Wrapping).decode


class Opener:
    """Opens records' values. Kafka Connect repeats a table's schema to the byte in front of every payload, so
    what comes before the payload is compared with what was seen last, and parsed only when it is new."""

    def __init__(self) -> None:
        self._recent: list[tuple[bytes, bytes]] = []
        """What stands before the payload, and the schema's text within it."""

    def opened(self, value: bytes) -> tuple[Any, bytes]:
        """A record's payload and the text of its schema, empty where it has none.

        Raises InvalidRecord for what is no JSON object.
        """
        if not value.startswith(_WRAPPED):
            return _opened_slowly(value)
        try:
            payload, schema = self._parts(value)
            check_depth(payload)
            return _decode(payload), schema
        except _NO_JSON:
            # The slow way says what is wrong, or finds that the record is not what it looked like.
            return _opened_slowly(value)

    def _parts(self, value: bytes) -> tuple[bytes, bytes]:
        for before, schema in self._recent:
            if value.startswith(before) and value.endswith(b"}"):
                return value[len(before) : -1], schema
        outer = _unwrap(value)
        schema = bytes(outer.schema)
        self._remember(value, schema)
        return bytes(outer.payload), schema

    def _remember(self, value: bytes, schema: bytes) -> None:
        before = b'{"schema":' + schema + b',"payload":'
        if value.startswith(before):
            self._recent = [(before, schema), *self._recent[: RECENT_SCHEMAS - 1]]


def _opened_slowly(value: bytes) -> tuple[Any, bytes]:
    check_depth(value)
    content = json_object(value, _decode)
    if "payload" in content and "op" not in content and content.keys() <= {"schema", "payload"}:
        return content["payload"], _encoder.encode(content.get("schema"))
    return content, b""


def key_of(data: bytes | None, schemas: Schemas) -> Any:
    """The record's key, decoded: JSON, wrapped or not, or any other text as it is; None where there is none.

    Raises InvalidRecord for bytes that are no text, and for a key that is not what its schema says.
    """
    if not data:
        return None
    try:
        check_depth(data)
        key, schema = _opened_key(data)
        decode = schemas.of_key(schema).decode if schema else None
        return key if decode is None or key is None else decode(key)
    except InvalidRecord as error:
        raise InvalidRecord(error.expectation, path=f"key{error.path[1:]}", kind="invalid_key") from None


def _opened_key(data: bytes) -> tuple[Any, bytes]:
    if data.startswith(_WRAPPED):
        try:
            outer = _unwrap(data)
            return _decode(outer.payload), bytes(outer.schema)
        except _NO_JSON:
            return _opened_key_slowly(data)
    return _opened_key_slowly(data)


def _opened_key_slowly(data: bytes) -> tuple[Any, bytes]:
    try:
        key = _decode(data)
    except _NO_JSON:
        try:
            return data.decode("utf-8"), b""
        except UnicodeDecodeError:
            raise InvalidRecord("expected JSON, or a text", kind="invalid_key") from None
    if isinstance(key, dict) and key.keys() == {"schema", "payload"}:
        return key["payload"], _encoder.encode(key["schema"])
    return key, b""


def to_text(content: Any) -> str:
    """JSON text. Raises InvalidRecord where it nests too deeply to be written again."""
    try:
        return _encoder.encode(content).decode()
    except RecursionError:
        raise InvalidRecord("expected JSON of reasonable depth", kind="too_deep") from None


def key_text(key: Any) -> str:
    """Canonical JSON: one text for one key, whatever order its columns came in."""
    try:
        return _key_encoder.encode(key).decode()
    except RecursionError:
        raise InvalidRecord("expected JSON of reasonable depth", path="key", kind="too_deep") from None
