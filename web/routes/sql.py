"""SQL: `POST /query`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta, Struct

from web.access.scopes import QUERY
from web.answers import QueryAnswer, answer, wanted_format
from web.errors import STATEMENT
from web.queries import Parameters, Queries, Question
from web.sandbox.protocol import Format


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


ROUTES = [query]
