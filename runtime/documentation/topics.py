"""Topics, the events that they carry, and what lands of these, from the contracts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pyarrow as pa

from contracts.landing import LANDING
from contracts.settings import Settings
from contracts.sources import DEAD_LETTER_TOPIC, SOURCES, Source, topic_specs
from kafka_cluster.schemas import json_schema, subject
from lakehouse.datasets.descriptions import DESCRIPTIONS
from runtime.documentation.datasets import duration
from runtime.documentation.markdown import code, made_from, prose, table

INTRODUCTION = """\
What each topic carries, which constraints ingestion holds it to, and the columns that land of it. What the
values of change events become, and how to send events of one's own: [events](events.md). Partitions and
retention are those of the default [settings](settings.md)."""


def render() -> str:
    """The whole page, Markdown."""
    lines = ["# Topics and events", "", made_from("`contracts/`"), "", INTRODUCTION, "", *_topics()]
    for source in SOURCES:
        lines += ["", *_source(source)]
    return "\n".join(lines) + "\n"


def _topics() -> Iterator[str]:
    internal = {source.internal_topic: source for source in SOURCES}
    external = {source.topic: source for source in SOURCES}
    rows = []
    for spec in topic_specs(Settings()):
        if spec.name in external:
            source = external[spec.name]
            carries = f"[events of {source.name}](#{source.topic})"
        elif spec.name in internal:
            carries = f"[packed records](exactly-once.md#packed-records) of {internal[spec.name].name}"
        else:
            assert spec.name == DEAD_LETTER_TOPIC
            carries = "[what was refused](exactly-once.md#dead-letters), with its reason"
        rows.append((code(spec.name), carries, str(spec.partitions), _retention(spec.config["retention.ms"])))
    yield from table(("topic", "carries", "partitions", "kept"), rows)


def _retention(milliseconds: str) -> str:
    return duration(timedelta(milliseconds=int(milliseconds)))


def _source(source: Source) -> Iterator[str]:
    yield f"## {source.topic}"
    yield ""
    yield prose((source.event.__doc__ or "").split("\n\n")[0])
    yield ""
    yield from table(
        ("", ""),
        [
            ("key", code(source.key_field) or "the record's own"),
            ("identity of an event", code(source.id_field) or "its place in the topic"),
            ("event time", code(source.time_field)),
            ("consumer group", code(source.consumer_group)),
            ("schema in the registry", code(subject(source))),
            ("lands in", code(source.chain_folder)),
            ("unknown fields go to", code(source.overflow_field)),
            ("becomes", f"[`{source.bronze_table}`](datasets/{source.bronze_table}.md)"),
        ],
    )
    schema = json_schema(source)
    yield from ("", "### Fields", "")
    yield from table(("field", "required", "is"), _fields(schema))
    for name, definition in schema.get("definitions", {}).items():
        yield from ("", f"{code(name)}:", "")
        yield from table(("field", "required", "is"), _fields(definition))
    yield from ("", "### Columns that land", "")
    yield from table(("column", "type", "required", "meaning"), _columns(LANDING[source.name]))


def _fields(schema: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    required = schema.get("required", [])
    for name, field in schema.get("properties", {}).items():
        yield code(name), "yes" if name in required else "", kind(field)


def kind(schema: dict[str, Any]) -> str:
    """What a value has to be, in words, of a JSON Schema."""
    if "anyOf" in schema:
        one_of = list(dict.fromkeys(kind(one) for one in schema["anyOf"]))
        may_be_null = "; or null" if "null" in one_of else ""
        return " or ".join(one for one in one_of if one != "null") + may_be_null
    if "$ref" in schema:
        return code(str(schema["$ref"]).rpartition("/")[2])
    if "const" in schema or "enum" in schema:
        return "one of " + ", ".join(code(value) for value in schema.get("enum", [schema.get("const")]))
    if not schema or "type" not in schema:
        return "any JSON"
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return ", ".join([" or ".join(types), *_constraints(schema)])


def _constraints(schema: dict[str, Any]) -> Iterator[str]:
    if "format" in schema:
        yield str(schema["format"])
    low, high = schema.get("minLength"), schema.get("maxLength")
    if low is not None or high is not None:
        yield f"{low or 0}–{high} characters" if high is not None else f"at least {low} characters"
    if "pattern" in schema:
        yield "matches " + code(schema["pattern"])
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        yield f"{low}–{high}"
    elif low is not None:
        yield f"at least {low}"
    elif high is not None:
        yield f"at most {high}"
    if isinstance(schema.get("additionalProperties"), dict) and schema["additionalProperties"]:
        yield "values " + kind(schema["additionalProperties"])
    if isinstance(schema.get("items"), dict):
        yield "of " + kind(schema["items"])


def _columns(schema: pa.Schema) -> Iterator[tuple[str, str, str, str]]:
    for field in schema:
        meaning = prose(DESCRIPTIONS.get(field.name, ""))
        yield code(field.name), code(field.type), "" if field.nullable else "yes", meaning
