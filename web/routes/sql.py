"""SQL: `POST /query`, and the functions that it may call."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import datetime
from functools import cache
from typing import Annotated, Any

import msgspec
from litestar import MediaType, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta, Struct

from web.access.scopes import QUERY
from web.answers import QueryAnswer, answer, wanted_format
from web.errors import STATEMENT
from web.queries import Parameters, Queries, Question
from web.sandbox.function_list import SqlFunction, sql_functions
from web.sandbox.protocol import Format
from web.static_files import is_known


class QueryBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /query`."""

    sql: Annotated[str, Meta(min_length=1, description="One SELECT, in DuckDB's dialect.")]
    parameters: Annotated[
        Parameters,
        Meta(description="Values of its parameters: an array for `?` and `$1`, an object for `$name`."),
    ] = None
    limit: Annotated[int, Meta(ge=1, description="Most rows; api.query_rows_max at most.")] | None = None
    timeout: (
        Annotated[float, Meta(gt=0, description="Seconds; api.query_timeout_seconds at most.")] | None
    ) = None
    as_of: Annotated[datetime, Meta(tz=True, description="Read every table as it was then.")] | None = None
    version: Annotated[int, Meta(ge=0, description="Read the one table of the query as this.")] | None = None
    format: Annotated[Format, Meta(description="Before the header Accept.")] | None = None


@post("/query", operation_id="Query", summary="Read-only SQL", tags=["sql"], status_code=200, opt=QUERY)
async def query(
    request: Request[Any, Any, Any], queries: NamedDependency[Queries], data: JSONBody[QueryBody]
) -> Response[QueryAnswer]:
    """Runs one SELECT over the tables, in a sandbox. Equal queries run once, and are answered from memory
    until a table changes (`X-Cache: hit`)."""
    request.scope["state"][STATEMENT] = data.sql
    question = Question(
        sql=data.sql,
        parameters=data.parameters,
        limit=data.limit,
        seconds=data.timeout,
        format=data.format or wanted_format(request),
        version=data.version,
        as_of=data.as_of,
    )
    return await answer(request, queries.ask(question))


@get("/functions", operation_id="Functions", summary="Functions of SQL", tags=["sql"])
async def get_functions(request: Request[Any, Any, Any]) -> Response[list[SqlFunction]]:
    """Every function that a statement may call, in DuckDB's own words: for the completion of an editor. The
    same until the next version of the platform, as its `ETag` says."""
    body, etag = await asyncio.to_thread(_functions)
    headers = {"cache-control": "private, no-cache", "etag": etag}
    if is_known(request.headers.get("if-none-match", ""), etag):
        return Response[Any](None, status_code=304, headers=headers)
    return Response[Any](body, media_type=MediaType.JSON, headers=headers)


@cache
def _functions() -> tuple[bytes, str]:
    body = msgspec.json.encode(sql_functions())
    return body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'


ROUTES = [query, get_functions]
