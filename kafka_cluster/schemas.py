"""JSON Schemas of the topics, generated from the event structs: closed, without Python's own regex words."""

from __future__ import annotations

from typing import Any

import msgspec

from contracts.sources import Source

DIALECT = "http://json-schema.org/draft-07/schema#"


def subject(source: Source) -> str:
    """Name of a topic's schema in the registry."""
    return f"{source.topic}-value"


def json_schema(source: Source) -> dict[str, Any]:
    """The schema of a source's events, draft 7.

    It is closed (no additional properties), because a registry takes an optional property that is added
    to an open schema for an incompatible change. Validation at ingestion is tolerant all the same.
    """
    generated = msgspec.json.schema(source.event)
    definitions = generated.pop("$defs")
    name = generated["$ref"].rpartition("/")[2]
    root = {"$schema": DIALECT, **definitions.pop(name)}
    if definitions:
        root["definitions"] = definitions
    closed: dict[str, Any] = _portable(root)
    return closed


def _portable(node: Any) -> Any:
    if isinstance(node, list):
        return [_portable(item) for item in node]
    if not isinstance(node, dict):
        return node
    out = {key: _portable(value) for key, value in node.items()}
    if isinstance(pattern := out.get("pattern"), str):
        out["pattern"] = pattern.replace(r"\Z", "$")
    if isinstance(reference := out.get("$ref"), str):
        out["$ref"] = reference.replace("#/$defs/", "#/definitions/")
    if out.get("type") == "object" and isinstance(out.get("properties"), dict):
        out["additionalProperties"] = False
    return out
