"""The schemas that are registered accept what the structs accept, and are closed."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from contracts.sources import APP_EVENTS, CDC_CHANGES, SOURCES, Source
from kafka_cluster.schemas import json_schema, subject

APP = {
    "event_id": "e",
    "user_id": "u",
    "event_type": "login",
    "app_type": "web",
    "event_timestamp": "2026-01-01T00:00:00Z",
}


def objects(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, list):
        return [found for item in node for found in objects(item)]
    if not isinstance(node, dict):
        return []
    inner = [found for value in node.values() for found in objects(value)]
    return [node, *inner] if "properties" in node and isinstance(node.get("required"), list) else inner


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_schemas_are_valid_closed_and_free_of_python(source: Source) -> None:
    schema = json_schema(source)
    jsonschema.Draft7Validator.check_schema(schema)
    assert subject(source) == f"{source.topic}-value"
    assert schema["type"] == "object"
    assert all(found["additionalProperties"] is False for found in objects(schema))
    assert "\\Z" not in str(schema)
    assert "$defs" not in str(schema)


@pytest.mark.parametrize(
    ("change", "valid"),
    [
        ({}, True),
        ({"country": "DE", "properties": {"a": [1]}}, True),
        ({"country": None}, True),
        ({"country": "de"}, False),
        ({"event_type": "Login"}, False),
        ({"status_code": 99}, False),
        ({"novel": 1}, False),
        ({"user_id": None}, False),
    ],
)
def test_the_schema_of_app_events_says_what_the_struct_says(change: dict[str, Any], valid: bool) -> None:
    assert jsonschema.Draft7Validator(json_schema(APP_EVENTS)).is_valid({**APP, **change}) is valid


def test_references_of_nested_structs_resolve() -> None:
    change = {
        "op": "c",
        "source": {"connector": "mysql", "db": "d", "table": "t"},
        "before": None,
        "after": {"id": 1},
    }
    validator = jsonschema.Draft7Validator(json_schema(CDC_CHANGES))
    assert validator.is_valid(change)
    assert not validator.is_valid({**change, "source": {"connector": "mysql"}})
