"""What a PromQL expression asks for, by a parser that is not Prometheus' own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import promql_parser


def metric_names(expression: str) -> set[str]:
    """Names of the metrics that an expression selects. Raises ValueError where it is none."""
    return set(_names(promql_parser.parse(expression)))


def _names(node: Any) -> Iterator[str]:
    if isinstance(node, promql_parser.VectorSelector):
        yield node.name
    for part in ("expr", "lhs", "rhs", "vector_selector", "param"):
        below = getattr(node, part, None)
        if below is not None:
            yield from _names(below)
    for argument in getattr(node, "args", None) or ():
        yield from _names(argument)
