"""YAML as people write it: block mappings and lists of mappings, everything else as JSON, which is YAML."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def text(value: Mapping[str, Any], anchors: Mapping[str, Mapping[str, Any]] | None = None) -> str:
    """The document. ``anchors``: name → a top-level mapping that is merged into every deeper one which is
    called the same and holds all of it, and so stands there once; at the top it is called `x-name`."""
    return "\n".join(_lines(value, 0, anchors or {})) + "\n"


def _lines(value: Mapping[str, Any], depth: int, anchors: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    indent = "  " * depth
    for key, content in value.items():
        shared = anchors.get(key, {})
        if key.removeprefix("x-") in anchors and not depth:
            yield f"{indent}{key}: &{key.removeprefix('x-')}"
            yield from _lines(content, depth + 1, {})
        elif shared and isinstance(content, Mapping) and shared.items() <= content.items():
            yield f"{indent}{key}:"
            yield f"{indent}  <<: *{key}"
            own = {name: each for name, each in content.items() if name not in shared}
            yield from _lines(own, depth + 1, anchors)
        elif isinstance(content, Mapping) and content:
            yield f"{indent}{key}:"
            yield from _lines(content, depth + 1, anchors)
        elif _has_mappings(content):
            yield f"{indent}{key}:"
            for element in content:
                first, *rest = _lines(element, depth + 2, anchors)
                yield f"{indent}  - {first.lstrip()}"
                yield from rest
        else:
            yield f"{indent}{key}: {json.dumps(content, ensure_ascii=False)}"


def _has_mappings(value: Any) -> bool:
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    return is_list and bool(value) and all(isinstance(element, Mapping) for element in value)
