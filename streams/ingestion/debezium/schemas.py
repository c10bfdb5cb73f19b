"""Kafka Connect schemas as decoders, made once a schema text: every wrapped record repeats its schema."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from contracts.errors import InvalidRecord
from streams.ingestion.debezium.logical_types import LOGICAL_TYPES, Decode
from streams.ingestion.nesting import check_depth

CACHE_ENTRIES = 512
CACHE_BYTES = 16 * 1024**2
"""Schema texts remembered; when one more does not fit, all are forgotten."""
_decode_json = msgspec.json.Decoder().decode


class Form(Struct, frozen=True):
    """How values under one schema are decoded."""

    decode: Decode | None
    """None: no value needs it."""
    has_schema: bool = True
    """False: there is none, and values stay in their wire form, whatever they mean."""


NO_SCHEMA = Form(None, False)
_AS_IT_IS = Form(None)


class Schemas:
    """Forms by schema text. Not thread-safe."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], Form] = {}
        self._bytes = 0

    def of_rows(self, text: bytes) -> Form:
        """Form of `before` and `after` by an envelope's schema. Raises InvalidRecord for what is none."""
        return self._known.get(("rows", text)) or self._learn("rows", text)

    def of_key(self, text: bytes) -> Form:
        """Form of a record key by its schema. Raises InvalidRecord for what is none."""
        return self._known.get(("key", text)) or self._learn("key", text)

    def _learn(self, what: str, text: bytes) -> Form:
        schema = _schema(text)
        if not schema:
            form = NO_SCHEMA
        elif what == "rows":
            form = _form_of_rows(schema)
        else:
            form = Form(_decoder(schema, "$.schema"))
        if len(self._known) >= CACHE_ENTRIES or self._bytes + len(text) > CACHE_BYTES:
            self._known.clear()
            self._bytes = 0
        self._known[what, text] = form
        self._bytes += len(text)
        return form


def _schema(text: bytes) -> dict[str, Any]:
    """The schema; empty where there is none."""
    if not text:
        return {}
    check_depth(text)
    try:
        schema = _decode_json(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        schema = text
    if schema is None:
        return {}
    if not isinstance(schema, dict):
        raise InvalidRecord("expected a Kafka Connect schema or null", path="$.schema", kind="invalid_schema")
    return schema


def _form_of_rows(envelope: dict[str, Any]) -> Form:
    """Both rows are of one table: where the schema has only one of them, it counts for the other too."""
    sides = {
        schema["field"]: schema
        for schema in _members(envelope, "fields", "$.schema")
        if schema.get("field") in ("before", "after")
    }
    if not sides:
        return NO_SCHEMA
    side = "after" if "after" in sides else "before"
    decode = _decoder(sides[side], f"$.schema.{side}")
    return _AS_IT_IS if decode is None else Form(decode)


def _decoder(schema: dict[str, Any], path: str) -> Decode | None:
    """Decoder of a schema's values; None where they are kept as they are."""
    maker = LOGICAL_TYPES.get(schema.get("name", "")) if isinstance(schema.get("name"), str) else None
    if maker is not None:
        parameters = schema.get("parameters") or {}
        if not isinstance(parameters, dict):
            raise InvalidRecord("expected an object", path=f"{path}.parameters", kind="invalid_schema")
        try:
            return maker(parameters)
        except InvalidRecord as error:
            raise _within(f"{path}.parameters", error, "invalid_schema") from None
    match schema.get("type"):
        case "struct":
            fields = {
                field["field"]: _decoder(field, f"{path}.{field['field']}")
                for field in _members(schema, "fields", path)
            }
            return _of_struct([(name, decode) for name, decode in fields.items() if decode is not None])
        case "array":
            return _of_array(_decoder(_member(schema, "items", path), f"{path}.items"))
        case "map":
            return _of_map(_decoder(_member(schema, "values", path), f"{path}.values"))
        case str():
            return None
    raise InvalidRecord("expected the name of a type", path=f"{path}.type", kind="invalid_schema")


def _of_struct(columns: list[tuple[str, Decode]]) -> Decode | None:
    if not columns:
        return None

    def decode(value: Any) -> Any:
        if not isinstance(value, dict):
            raise InvalidRecord("expected an object", kind="wrong_type")
        decoded = dict(value)
        for name, decode_column in columns:
            wire = value.get(name)
            if wire is not None:
                try:
                    decoded[name] = decode_column(wire)
                except InvalidRecord as error:
                    raise _within(f"$.{name}", error) from None
        return decoded

    return decode


def _of_array(decode_item: Decode | None) -> Decode | None:
    if decode_item is None:
        return None

    def decode(value: Any) -> Any:
        if not isinstance(value, list):
            raise InvalidRecord("expected an array", kind="wrong_type")
        decoded = []
        for place, item in enumerate(value):
            try:
                decoded.append(None if item is None else decode_item(item))
            except InvalidRecord as error:
                raise _within(f"$[{place}]", error) from None
        return decoded

    return decode


def _of_map(decode_item: Decode | None) -> Decode | None:
    """Maps with texts as keys are JSON objects; others come, and stay, as pairs."""
    if decode_item is None:
        return None

    def decode_one(name: Any, item: Any) -> Any:
        try:
            return None if item is None else decode_item(item)
        except InvalidRecord as error:
            raise _within(f"$.{name}", error) from None

    def decode(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: decode_one(name, item) for name, item in value.items()}
        if isinstance(value, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in value):
            return [[name, decode_one(name, item)] for name, item in value]
        raise InvalidRecord("expected an object, or pairs", kind="wrong_type")

    return decode


def _members(schema: dict[str, Any], name: str, path: str) -> list[dict[str, Any]]:
    members = schema.get(name)
    if not isinstance(members, list) or not all(
        isinstance(member, dict) and isinstance(member.get("field"), str) for member in members
    ):
        raise InvalidRecord("expected named fields", path=f"{path}.{name}", kind="invalid_schema")
    return members


def _member(schema: dict[str, Any], name: str, path: str) -> dict[str, Any]:
    member = schema.get(name)
    if not isinstance(member, dict):
        raise InvalidRecord("expected a schema", path=f"{path}.{name}", kind="invalid_schema")
    return member


def _within(outer: str, error: InvalidRecord, kind: str = "") -> InvalidRecord:
    """The error with its path continued from ``outer``."""
    return InvalidRecord(error.expectation, path=outer + error.path[1:], kind=kind or error.kind)
