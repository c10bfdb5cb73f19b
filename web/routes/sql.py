"""SQL: `POST /query`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta, Struct

from web.errors import STATEMENT
from web.queries import Queries, Result
from web.sandbox.protocol import Column


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


@post("/query", operation_id="Query", summary="Read-only SQL", tags=["sql"], status_code=200)
async def query(
    request: Request[Any, Any, Any], queries: NamedDependency[Queries], data: JSONBody[QueryBody]
) -> Response[Any]:
    """Runs one SELECT over the tables, in a sandbox. `format: csv` answers text/csv."""
    request.scope["state"][STATEMENT] = data.sql
    result = await queries.query(
        data.sql,
        limit=data.limit,
        seconds=data.timeout_seconds,
        format=data.format,
        version=data.version,
        as_of=data.as_of,
    )
    if data.format == "json":
        return Response(answer_of(result))
    return Response(
        result.answer.rows,
        media_type="text/csv",
        headers={
            "X-Row-Count": str(result.answer.row_count),
            "X-Truncated": str(result.answer.truncated).lower(),
            "X-Versions": msgspec.json.encode(result.versions).decode(),
        },
    )


def answer_of(result: Result) -> QueryAnswer:
    """The JSON form of a result."""
    answer = result.answer
    return QueryAnswer(
        columns=answer.columns,
        rows=msgspec.Raw(answer.rows),  # type: ignore[arg-type]  # already JSON, from the worker
        row_count=answer.row_count,
        truncated=answer.truncated,
        elapsed_ms=answer.elapsed_ms,
        versions=result.versions,
    )


ROUTES = [query]
