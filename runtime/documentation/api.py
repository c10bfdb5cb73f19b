"""The reference of the HTTP API, from the OpenAPI document that the API itself serves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any, cast

import httpx

from contracts.settings import Settings
from lakehouse.catalog import TABLES
from lakehouse.reading.stream_snapshots import AllSnapshots
from runtime.documentation.markdown import code, fence, made_from, prose, table
from runtime.documentation.topics import kind
from web.app import create_app
from web.openapi.rendering import PATH
from web.queries import Queries
from web.sandbox.pool import Sandbox

INTRODUCTION = """\
How to work with it, with examples for the shell and for Python: [the API](api.md). A running API has the same
to try at `/docs`, and as a document at `/schema/openapi.json`. Addresses are below `http://127.0.0.1:8888` by
default."""

Json = dict[str, Any]


def document() -> Json:
    """The document of an API on loopback, asked for as any client would."""
    settings = Settings()
    snapshots = AllSnapshots(settings, TABLES)
    application = create_app(settings, Queries(settings, snapshots, Sandbox([], memory_mb=64), TABLES))

    async def ask() -> Json:
        transport = httpx.ASGITransport(cast(Any, application))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            answer = await client.get(PATH)
            answer.raise_for_status()
            found: Json = answer.json()
            return found

    return asyncio.run(ask())


def render() -> str:
    """The whole page, Markdown."""
    return "\n".join(_lines(document())) + "\n"


def _lines(told: Json) -> Iterator[str]:
    yield from ("# API reference", "", made_from("the API's OpenAPI document"), "", INTRODUCTION, "")
    yield str(told["info"]["description"]).strip()
    for tag in told["tags"]:
        yield from ("", f"## {tag['name']}", "", prose(tag["description"]))
        for path, operations in told["paths"].items():
            for method, operation in operations.items():
                if tag["name"] in operation["tags"]:
                    yield from ("", *_operation(method.upper(), path, operation, told["components"]))
    yield from ("", "## Structures", "")
    yield "What requests and answers are made of."
    for name, schema in sorted(told["components"]["schemas"].items()):
        yield from ("", f"### {name}", "", prose(schema.get("description", "")), "")
        yield from table(("field", "always there", "is", ""), _fields(schema))


def _operation(method: str, path: str, operation: Json, components: Json) -> Iterator[str]:
    yield f"### {method} {path}"
    yield ""
    yield str(operation.get("description", operation["summary"])).strip()
    yield ""
    yield from table(
        ("parameter", "in", "required", "is", ""),
        [
            (
                code(p["name"]),
                p["in"],
                "yes" if p.get("required") else "",
                kind(p["schema"]),
                prose(p.get("description", ""))
                + (f" Example: {code(p['example'])}." if "example" in p else ""),
            )
            for p in operation.get("parameters", ())
        ],
    )
    for form, body in operation.get("requestBody", {}).get("content", {}).items():
        yield from ("", f"Body, {code(form)}: {_linked(body['schema'])}", "")
        for shown in list(body.get("examples", {}).values())[:1]:
            yield from fence("json", json.dumps(shown["value"], indent=2, ensure_ascii=False))
    yield ""
    yield from table(
        ("status", "answer", "forms"),
        [
            (status, _linked_text(answer), _forms(answer))
            for status, answer in ((s, _resolved(a, components)) for s, a in operation["responses"].items())
        ],
    )


def _resolved(answer: Json, components: Json) -> Json:
    if "$ref" in answer:
        found: Json = components["responses"][answer["$ref"].rpartition("/")[2]]
        return found
    return answer


def _linked_text(answer: Json) -> str:
    return " ".join(str(answer["description"]).split()).replace("|", "&#124;")


def _forms(answer: Json) -> str:
    return ", ".join(
        code(form)
        + (f": {_linked(content['schema'])}" if "$ref" in json.dumps(content.get("schema", {})) else "")
        for form, content in answer.get("content", {}).items()
    )


def _linked(schema: Json) -> str:
    """What a value is, its structure as a link within the page."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if schema.get("type") == "array" and "$ref" in schema.get("items", {}):
        return f"list of {_linked(schema['items'])}"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_linked(one) for one in schema["anyOf"]))
    return kind(schema)


def _fields(schema: Json) -> Iterator[tuple[str, str, str, str]]:
    required = schema.get("required", [])
    for name, field in schema.get("properties", {}).items():
        yield (
            code(name),
            "yes" if name in required else "",
            _linked(field),
            prose(field.get("description", "")),
        )
