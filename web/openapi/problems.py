"""Which problems an operation can answer, and how the document says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler

from web.access.keys import RANKS
from web.access.scopes import need_of
from web.errors import KINDS, PROBLEM_JSON, Problem
from web.openapi.headers import headers_of
from web.openapi.schemas import REF

ALL = ("url_too_long", "misdirected", "rate_limited", "headers_too_large", "internal")
"""What any request can be answered: by the guard before it is routed, or by a fault of ours."""
QUERIES = (
    "invalid",
    "refused",
    "not_found",
    "timeout",
    "memory",
    "failed",
    "platform",
    "unavailable",
    "busy",
)
"""What those that run queries answer besides."""

_DETAILS = {
    "bad_request": "limit: expected an integer of at least 1",
    "invalid": 'there is no column "event_typ"; near are: event_type',
    "unauthorized": "this server needs a key: Authorization: Bearer <key>",
    "forbidden": "this needs the scope admin; your key has query",
    "refused": "only SELECT is allowed, not Drop",
    "cross_site": "requests from another site's page are refused",
    "not_found": "no table named 'event_metric_gold'; near are: event_metrics_gold",
    "not_acceptable": "no form of 'application/xml'; there are application/json, text/csv, …",
    "timeout": "the query was stopped after 30 s",
    "slow_body": "the body did not come within 20 s",
    "too_large": "Request Entity Too Large",
    "memory": "the query needs more memory than one query may have",
    "url_too_long": "the address has 9,012 bytes; 8,192 may be",
    "misdirected": "this server does not answer for the host 'platform.example'",
    "contract": "neither an owner nor tags are given: nothing is to be changed",
    "rate_limited": "100 requests a second may be; wait 1 s",
    "headers_too_large": "the headers have 20,480 bytes; 16,384 may be",
    "internal": "the server failed to answer; see its log",
    "failed": "a file of the table could not be read",
    "platform": "the table could not be read",
    "unavailable": "the keys cannot be read; the server's log says why",
    "busy": "too many queries are waiting; try again shortly",
}
"""A sentence about a case of each kind, for its example."""
_NEAR = {"invalid": ["event_type"], "not_found": ["event_metrics_gold"]}
_HEADERS = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}


def codes_of(handler: HTTPRouteHandler, operation: dict[str, Any], further: Iterable[str]) -> set[str]:
    """Every kind of problem that an operation can answer; ``further`` are those of this one alone."""
    codes = {*ALL, *further}
    need = need_of(handler)
    if need != "open":
        codes |= {"unauthorized", "unavailable"}
        if RANKS[need]:
            codes.add("forbidden")
    if handler.http_methods != {"GET"}:
        codes.add("cross_site")
    if "requestBody" in operation:
        codes |= {"bad_request", "slow_body", "too_large"}
    for parameter in operation.get("parameters", ()):
        codes.add("not_found" if parameter["in"] == "path" else "bad_request")
    return codes


def answers_of(codes: Iterable[str]) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """For each status its number, the name of its component, and that component."""
    ordered = sorted((code for code in KINDS if code in codes), key=_status)
    for status, several in groupby(ordered, _status):
        named = list(several)
        yield status, "-".join(named), _component(status, named)


def _status(code: str) -> int:
    return KINDS[code].status


def _component(status: int, codes: list[str]) -> dict[str, Any]:
    told = [f"`{code}`: {KINDS[code].title.lower()}. {KINDS[code].help}" for code in codes]
    return {
        "description": "  \n".join(told),
        "headers": headers_of(_HEADERS.get(status, ())),
        "content": {
            PROBLEM_JSON: {
                "schema": {"$ref": REF.format(name="Problem")},
                "examples": {
                    code: {"summary": KINDS[code].title, "value": msgspec.to_builtins(_example(code))}
                    for code in codes
                },
            }
        },
    }


def _example(code: str) -> Problem:
    return Problem(
        type=f"/problems/{code}",
        title=KINDS[code].title,
        status=KINDS[code].status,
        detail=_DETAILS[code],
        code=code,
        instance="urn:request:5f0c6d9e6d3b4d6fb6f1a3f0b8a1c2d3",
        suggestions=_NEAR.get(code),
    )
