"""Every request as data, and how its answer is read: what both clients send."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from msgspec import Struct

from dataplatform_client import frames
from dataplatform_client.catalog import Catalog, Commit, Lineage, TableDetail, TableSummary
from dataplatform_client.errors import DataPlatformError, error_of
from dataplatform_client.platform import DeadLetters, Health, Journey, Run, Streams
from dataplatform_client.results import ArrowResult, Rows

T = TypeVar("T")
Value = bool | int | float | str | Sequence[bool | int | float | str | None] | None
Parameters = Sequence[Value] | Mapping[str, Value] | None
"""Values of a statement's parameters: a list for `?` and `$1`, a dict for `$name`."""
Time = datetime | str
"""A time with a zone, or RFC 3339 text."""

ARROW = "application/vnd.apache.arrow.stream"
JSON = "application/json"
EVENTS = "text/event-stream"
QUERY_SECONDS = 30.0
"""How long a query may take that names no time; the server's own limit by default."""


class Call(Struct, Generic[T], frozen=True, kw_only=True):
    """A request, and how its answer is read."""

    path: str
    read: Callable[[httpx.Response], T]
    method: str = "GET"
    query: dict[str, Any] = {}
    body: bytes | None = None
    accept: str = JSON
    further_seconds: float = 0.0
    """What the server may take beyond the client's time limit."""
    repeatable: bool = True
    fine: frozenset[int] = frozenset({200})
    """Statuses that are no error."""

    def options(self, timeout: float) -> dict[str, Any]:
        """Arguments of httpx' ``request``; ``timeout`` is the client's."""
        headers = {"Accept": self.accept}
        if self.body is not None:
            headers["Content-Type"] = JSON
        return {
            "method": self.method,
            "url": self.path,
            "params": {name: value for name, value in self.query.items() if value is not None},
            "content": self.body,
            "headers": headers,
            "timeout": timeout + self.further_seconds,
        }

    def answer(self, response: httpx.Response) -> T:
        """What was answered. Raises ApiError; DataPlatformError for what no API of ours answers."""
        if response.status_code not in self.fine:
            raise error_of(response)
        try:
            return self.read(response)
        except msgspec.DecodeError as error:
            url = response.request.url
            raise DataPlatformError(f"{url} answers something else than this API does: {error}") from error


def query_arrow(
    sql: str,
    parameters: Parameters,
    limit: int | None,
    timeout: float | None,
    as_of: Time | None,
    version: int | None,
) -> Call[ArrowResult]:
    return _query(_arrow_result, ARROW, sql, parameters, limit, timeout, as_of, version)


def query_rows(
    sql: str,
    parameters: Parameters,
    limit: int | None,
    timeout: float | None,
    as_of: Time | None,
    version: int | None,
) -> Call[Rows]:
    return _query(_json(Rows), JSON, sql, parameters, limit, timeout, as_of, version)


def _query(
    read: Callable[[httpx.Response], T],
    accept: str,
    sql: str,
    parameters: Parameters,
    limit: int | None,
    timeout: float | None,
    as_of: Time | None,
    version: int | None,
) -> Call[T]:
    asked = {
        "sql": sql,
        "parameters": parameters,
        "limit": limit,
        "timeout": timeout,
        "as_of": _time(as_of),
        "version": version,
    }
    body = {name: value for name, value in asked.items() if value is not None}
    return Call(
        method="POST",
        path="/query",
        read=read,
        body=msgspec.json.encode(body),
        accept=accept,
        further_seconds=QUERY_SECONDS if timeout is None else timeout,
    )


def preview(
    name: str,
    limit: int | None,
    columns: Sequence[str] | None,
    where: str | None,
    order: Sequence[str] | None,
    as_of: Time | None,
) -> Call[Rows]:
    return Call(
        path=f"/tables/{_in_path(name)}/preview",
        read=_json(Rows),
        query={
            "limit": limit,
            "columns": _listed(columns),
            "where": where,
            "order": _listed(order),
            "as_of": _time(as_of),
        },
        further_seconds=QUERY_SECONDS,
    )


def tables(**search: str | None) -> Call[list[TableSummary]]:
    return Call(path="/tables", read=_json(list[TableSummary]), query=search)


def table(name: str) -> Call[TableDetail]:
    return Call(path=f"/tables/{_in_path(name)}", read=_json(TableDetail))


def history(name: str, limit: int | None) -> Call[list[Commit]]:
    return Call(path=f"/tables/{_in_path(name)}/history", read=_json(list[Commit]), query={"limit": limit})


def annotate(name: str, owner: str | None, tags: Sequence[str] | None) -> Call[TableDetail]:
    body = {"owner": owner, "tags": tags}
    return Call(
        method="PATCH",
        path=f"/tables/{_in_path(name)}",
        read=_json(TableDetail),
        body=msgspec.json.encode({key: value for key, value in body.items() if value is not None}),
        repeatable=False,
    )


def catalog(**search: str | None) -> Call[Catalog]:
    return Call(path="/catalog", read=_json(Catalog), query=search)


def lineage(name: str, direction: str, depth: int | None, columns: bool) -> Call[Lineage]:
    return Call(
        path=f"/catalog/lineage/{_in_path(name)}",
        read=_json(Lineage),
        query={"direction": direction, "depth": depth, "columns": columns},
    )


def health() -> Call[Health]:
    return Call(path="/health", read=_health, fine=frozenset({200, 503}))


def streams(limit: int | None) -> Call[Streams]:
    return Call(path="/streams", read=_json(Streams), query={"limit": limit}, further_seconds=QUERY_SECONDS)


def jobs(job: str | None, status: str | None, limit: int | None) -> Call[list[Run]]:
    return Call(path="/jobs", read=_json(list[Run]), query={"job": job, "status": status, "limit": limit})


def trace(event_id: str) -> Call[Journey]:
    return Call(path=f"/trace/{_in_path(event_id)}", read=_json(Journey), further_seconds=QUERY_SECONDS)


def dead_letters(source: str | None, kind: str | None, limit: int | None) -> Call[DeadLetters]:
    query = {"source": source, "kind": kind, "limit": limit}
    return Call(path="/dead-letters", read=_json(DeadLetters), query=query)


def events() -> Call[None]:
    """The stream of moments, which is read as it comes."""
    return Call(path="/events", read=lambda _: None, accept=EVENTS)


def _json(kind: Any) -> Callable[[httpx.Response], Any]:
    decoder = msgspec.json.Decoder(kind)
    return lambda response: decoder.decode(response.content)


def _health(response: httpx.Response) -> Health:
    # A proxy's 503 has another body.
    if response.status_code == 503 and response.headers.get("content-type") != JSON:
        raise error_of(response)
    return msgspec.json.decode(response.content, type=Health)


def _arrow_result(response: httpx.Response) -> ArrowResult:
    headers = response.headers
    return ArrowResult(
        table=frames.read(response.content),
        truncated=headers.get("x-truncated") == "true",
        versions=msgspec.json.decode(headers.get("x-versions", "{}"), type=dict[str, int | None]),
        cached=headers.get("x-cache") == "hit",
        request_id=headers.get("x-request-id", ""),
    )


def _in_path(name: str) -> str:
    """A name as one part of a path."""
    if not name.strip("."):
        raise ValueError(f"{name!r} is no name")
    return quote(name, safe="")


def _listed(names: Sequence[str] | None) -> str | None:
    return ",".join([names] if isinstance(names, str) else names) if names else None


def _time(at: Time | None) -> str | None:
    """Raises ValueError for a time without a zone: whose noon it is, is not guessed."""
    if isinstance(at, datetime):
        if at.tzinfo is None:
            raise ValueError("as_of needs a zone, for example datetime(2026, 11, 24, tzinfo=UTC)")
        return at.isoformat()
    return at
