"""Tables: the list, one table, its newest rows."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from web.access.scopes import QUERY
from web.answers import answer
from web.catalog import TableDetail, TableSummary, detail, summaries
from web.preview import Preview
from web.queries import Queries

Limit = Annotated[
    int | None, QueryParameter(ge=1, description="Most rows; the settings' own limit holds as well.")
]
Columns = Annotated[str | None, QueryParameter(description="Names with commas between; all by default.")]
Where = Annotated[
    str | None, QueryParameter(description="A condition over its columns, in DuckDB's dialect.")
]
Order = Annotated[
    str | None,
    QueryParameter(description="Columns with commas between; a minus in front: the greatest first."),
]
AsOf = Annotated[datetime | None, QueryParameter(description="Read the table as it was then (RFC 3339).")]


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


@get(
    "/tables/{name:str}/preview",
    operation_id="PreviewTable",
    summary="Some rows",
    tags=["tables"],
    opt=QUERY,
)
async def preview_table(
    request: Request[Any, Any, Any],
    queries: NamedDependency[Queries],
    name: FromPath[str],
    limit: Limit = None,
    columns: Columns = None,
    where: Where = None,
    order: Order = None,
    as_of: AsOf = None,
) -> Response[Any]:
    """The newest rows, from the files that were added last; with `where`, `order` or `as_of` those that these
    ask for."""
    preview = Preview(
        limit=limit, columns=_names(columns), where=where or "", order=_names(order), as_of=as_of
    )
    return await answer(request, queries.preview(name, preview))


def _names(listed: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in listed.split(",") if name.strip()) if listed else ()


ROUTES = [list_tables, get_table, preview_table]
