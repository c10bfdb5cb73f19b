"""Puts the document together."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Any, get_args, get_origin

import msgspec
from litestar import Litestar, Response
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from lakehouse.catalog import Annotation
from web.access.scopes import handlers_of, need_of
from web.errors import KINDS, Problem
from web.openapi.headers import HEADERS, headers_of
from web.openapi.operations import OPERATIONS, PARAMETERS, TAGS, Told
from web.openapi.problems import answers_of, codes_of
from web.openapi.schemas import REF, schemas_of
from web.routes.health_report import SilenceBody
from web.routes.sql import QueryBody

JSON = "application/json"
KEY = "key"
DESCRIPTION = """\
Tables, health and read-only SQL of the data platform.

Times are RFC 3339 in UTC. Every error is a problem document (RFC 9457); its `type` is a page of this API that
says what to do. Every answer has an `X-Request-Id`, under which the log has it; send your own to choose it.

On loopback no key is needed. Elsewhere send `Authorization: Bearer <key>`; each operation names the scope
that the key needs.
"""


def document(base: dict[str, Any], application: Litestar, *, asks_for_keys: bool) -> dict[str, Any]:
    """Litestar's document of the application, completed."""
    handlers = dict(_handlers(application))
    answered = [
        (name, kind)
        for name, handler in handlers.items()
        if OPERATIONS[name].example is not None
        for kind in _answered(handler)
    ]
    items = [told.items for told in OPERATIONS.values() if told.items]
    found, components = schemas_of(
        [*(kind for _, kind in answered), Problem, *items], sent=(Annotation, QueryBody, SilenceBody)
    )
    components["Problem"]["properties"]["code"]["enum"] = list(KINDS)
    schemas: dict[str, list[Any]] = {}
    for (name, _), schema in zip(answered, found, strict=False):
        schemas.setdefault(name, []).append(schema)
    problems: dict[str, Any] = {}
    for path in base["paths"].values():
        for operation in path.values():
            name = operation["operationId"]
            told, handler = OPERATIONS[name], handlers[name]
            _describe(operation, told, handler, asks_for_keys)
            operation["responses"] = _responses(told, schemas.get(name, []), operation["summary"])
            for status, component, answer in answers_of(codes_of(handler, operation, told.problems)):
                if status not in told.also:
                    problems[component] = answer
                    operation["responses"][str(status)] = {"$ref": f"#/components/responses/{component}"}
    return {
        "openapi": base["openapi"],
        "info": {**base["info"], "description": DESCRIPTION},
        "servers": base["servers"],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": base["paths"],
        "components": {
            "schemas": components,
            "responses": problems,
            "headers": HEADERS,
            "securitySchemes": {
                KEY: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key that `dp keys create NAME --scope …` printed. Scopes are read, "
                    "query and admin; each includes those before it. On loopback none is needed.",
                }
            },
        },
    }


def _handlers(application: Litestar) -> Iterator[tuple[str, HTTPRouteHandler]]:
    """Those of the document, by operation id."""
    for route in application.routes:
        if isinstance(route, HTTPRoute):
            for handler in handlers_of(route).values():
                if isinstance(handler.operation_id, str):
                    yield handler.operation_id, handler


def _answered(handler: HTTPRouteHandler) -> tuple[Any, ...]:
    """The types that a handler's JSON answer may be of."""
    kind = handler.parsed_fn_signature.return_type.annotation
    if get_origin(kind) is Response:
        (kind,) = get_args(kind)
    return get_args(kind) if isinstance(kind, UnionType) else (kind,)


def _describe(operation: dict[str, Any], told: Told, handler: HTTPRouteHandler, asks_for_keys: bool) -> None:
    """What the operation needs, its parameters and its bodies."""
    operation.pop("deprecated", None)
    need = need_of(handler)
    needs = "No key is needed." if need == "open" else f"Needs the scope `{need}`."
    operation["description"] = f"{' '.join((handler.fn.__doc__ or '').split())}\n\n{needs}"
    operation["x-scope"] = need
    with_key = {KEY: [] if need == "open" else [need]}
    operation["security"] = [with_key] if asks_for_keys and need != "open" else [with_key, {}]
    for parameter in operation.get("parameters", ()):
        _describe_parameter(parameter)
    if told.bodies:
        operation["requestBody"]["content"][JSON]["examples"] = {
            name: {"value": body} for name, body in told.bodies.items()
        }


def _describe_parameter(parameter: dict[str, Any]) -> None:
    schema = parameter["schema"]
    schema.pop("description", None)
    if "oneOf" in schema:  # one is left out, and never null
        (kind,) = (one for one in schema.pop("oneOf") if one != {"type": "null"})
        schema |= kind
    for flag in ("allowEmptyValue", "allowReserved", "deprecated"):
        parameter.pop(flag, None)
    if parameter["name"] in PARAMETERS and schema["type"] != "boolean":
        parameter["example"] = PARAMETERS[parameter["name"]]


def _responses(told: Told, schemas: list[Any], summary: str) -> dict[str, Any]:
    """The answers that are no problems."""
    content: dict[str, Any] = {}
    if schemas:
        content[JSON] = {
            "schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas},
            "examples": {"example": {"value": msgspec.to_builtins(told.example)}},
        }
    for media, text in told.texts.items():
        content[media] = {"schema": {"type": "string"}, "examples": {"example": {"value": text}}}
        if told.items:
            content[media]["x-item-schema"] = {"$ref": REF.format(name=told.items.__name__)}
    content |= {media: {} for media in told.files}
    headers = headers_of(told.headers)
    answers = {"200": {"description": summary, "headers": headers, "content": content}}
    for status, words in told.also.items():
        answers[str(status)] = {"description": words, "headers": headers, "content": content}
    return answers
