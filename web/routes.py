"""The routes of the REST API. Handlers only translate; what they say is made elsewhere."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct

from contracts.settings import Settings
from web.catalog import TableDetail, TableSummary, detail, summaries
from web.health import Health, HealthWord, health
from web.queries import Queries, Result
from web.sandbox.protocol import Column

Limit = Annotated[
    int | None, QueryParameter(ge=1, description="Most rows; the settings' own limit holds as well.")
]


class QueryBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /query`."""

    sql: Annotated[str, Meta(min_length=1, description="One SELECT, in DuckDB's dialect.")]
    limit: Annotated[int, Meta(ge=1, description="Most rows; api.query_rows at most.")] | None = None
    timeout_seconds: Annotated[float, Meta(gt=0, description="api.query_timeout_seconds at most.")] | None = (
        None
    )
    format: Literal["json", "csv"] = "json"
    as_of: Annotated[datetime, Meta(tz=True, description="Read every table as it was then.")] | None = None
    version: Annotated[int, Meta(ge=0, description="Read the one table of the query as this.")] | None = None


class QueryAnswer(Struct, kw_only=True):
    """Rows of a query.

    Integers keep every digit as JSON numbers, also beyond 2^53; NaN and the infinities are texts, decimals
    are text, timestamps RFC 3339 in UTC.
    """

    columns: list[Column]
    rows: list[list[Any]]
    row_count: int
    truncated: bool
    """Whether there are more rows than were asked for or are allowed."""
    elapsed_ms: float
    versions: dict[str, int | None]
    """Delta version that each table was read at; null: not created yet, or without versions."""


@get("/health", operation_id="Health", summary="Is the platform well?", tags=["platform"])
async def get_health(
    request: Request[Any, Any, Any], settings: NamedDependency[Settings], queries: NamedDependency[Queries]
) -> Response[Any]:
    """200 while `status` is healthy or degraded, 503 when it is failed."""
    found: Health = await asyncio.to_thread(health, settings, queries.snapshots, queries.datasets)
    body = found if request.scope["state"]["has_key"] else HealthWord(status=found.status)
    return Response(body, status_code=503 if found.status == "failed" else 200)


@get("/tables", operation_id="ListTables", summary="All tables", tags=["tables"])
async def list_tables(
    queries: NamedDependency[Queries], layer: FromQuery[str | None] = None
) -> list[TableSummary]:
    """Every declared table, or those of one layer (stream, bronze, silver, gold, platform)."""
    return await asyncio.to_thread(summaries, queries.snapshots, queries.datasets, layer)


@get("/tables/{name:str}", operation_id="GetTable", summary="One table", tags=["tables"])
async def get_table(queries: NamedDependency[Queries], name: FromPath[str]) -> TableDetail:
    """Schema, key, owner, properties and the last commits of a table."""
    return await asyncio.to_thread(detail, queries.snapshots, queries.datasets, name)


@get("/tables/{name:str}/preview", operation_id="PreviewTable", summary="Newest rows", tags=["tables"])
async def preview_table(
    queries: NamedDependency[Queries], name: FromPath[str], limit: Limit = None
) -> QueryAnswer:
    """The newest rows of a table, from the files that were added last."""
    return _answer(await queries.preview(name, limit))


@post("/query", operation_id="Query", summary="Read-only SQL", tags=["sql"], status_code=200)
async def query(queries: NamedDependency[Queries], data: JSONBody[QueryBody]) -> Response[Any]:
    """Runs one SELECT over the tables, in a sandbox. `format: csv` answers text/csv."""
    result = await queries.query(
        data.sql,
        limit=data.limit,
        seconds=data.timeout_seconds,
        format=data.format,
        version=data.version,
        as_of=data.as_of,
    )
    if data.format == "json":
        return Response(_answer(result))
    return Response(
        result.answer.rows,
        media_type="text/csv",
        headers={
            "X-Row-Count": str(result.answer.row_count),
            "X-Truncated": str(result.answer.truncated).lower(),
            "X-Versions": msgspec.json.encode(result.versions).decode(),
        },
    )


def _answer(result: Result) -> QueryAnswer:
    answer = result.answer
    return QueryAnswer(
        columns=answer.columns,
        rows=msgspec.Raw(answer.rows),  # type: ignore[arg-type]  # already JSON, from the worker
        row_count=answer.row_count,
        truncated=answer.truncated,
        elapsed_ms=answer.elapsed_ms,
        versions=result.versions,
    )


ROUTES = [get_health, list_tables, get_table, preview_table, query]
