"""JSON Schemas of structs, with the docstrings under their fields as descriptions."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import pairwise
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.inspect import (
    CollectionType,
    DateTimeType,
    DictType,
    Metadata,
    StructType,
    TupleType,
    Type,
    UnionType,
    multi_type_info,
)

REF = "#/components/schemas/{name}"


def schemas_of(kinds: Iterable[Any], *, sent: Iterable[Any]) -> tuple[list[Any], dict[str, Any]]:
    """The schema of each of ``kinds``, and the components that these refer to.

    Structs that only clients send (``sent``) require what has no default; in our answers every field is
    there, unless the struct leaves defaults out.
    """
    kinds, sent = list(kinds), list(sent)
    found, components = msgspec.json.schema_components([*kinds, *sent], ref_template=REF)
    for struct in _structs(multi_type_info([*kinds, *sent])):
        schema = components[struct.cls.__name__]
        if "description" in schema:
            schema["description"] = _line(schema["description"])
        if struct.cls not in sent and not struct.cls.__struct_config__.omit_defaults:
            schema["required"] = list(schema["properties"])
        words = _words(struct.cls)
        for field in struct.fields:
            described = schema["properties"][field.encode_name]
            _say_moments(described, field.type)
            if field.name in words:
                described.setdefault("description", words[field.name])
    return list(found[: len(kinds)]), components


def _structs(types: Iterable[Type]) -> Iterator[StructType]:
    """Every struct in some types, once."""
    waiting, seen = list(types), set()
    while waiting:
        match waiting.pop():
            case StructType(cls=kind, fields=fields) as struct if kind not in seen:
                seen.add(kind)
                yield struct
                waiting += [field.type for field in fields]
            case Metadata(type=inner) | CollectionType(item_type=inner):
                waiting.append(inner)
            case TupleType(item_types=several) | UnionType(types=several):
                waiting += several
            case DictType(key_type=key, value_type=value):
                waiting += [key, value]


def _say_moments(schema: dict[str, Any], kind: Type) -> None:
    """msgspec names the format only where a type says that it has a zone; here every time has one."""
    match kind:
        case DateTimeType():
            schema["format"] = "date-time"
        case UnionType(types=types) if any(isinstance(one, DateTimeType) for one in types):
            next(part for part in schema["anyOf"] if part["type"] == "string")["format"] = "date-time"


def _words(kind: type[Struct]) -> dict[str, str]:
    """The docstrings under a struct's fields, inherited ones included."""
    owners = [owner for owner in reversed(kind.__mro__) if issubclass(owner, Struct) and owner is not Struct]
    return {name: text for owner in owners for name, text in _said(owner)}


def _said(kind: type[Struct]) -> Iterator[tuple[str, str]]:
    for found in _parsed(kind.__module__).body:
        if isinstance(found, ast.ClassDef) and found.name == kind.__name__:
            for field, text in pairwise(found.body):
                match field, text:
                    case (
                        ast.AnnAssign(target=ast.Name(id=name)),
                        ast.Expr(value=ast.Constant(value=str() as said)),
                    ):
                        yield name, _line(said)


def _line(text: str) -> str:
    return " ".join(text.split())


@cache
def _parsed(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(sys.modules[module]))
