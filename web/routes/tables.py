"""Tables: the list, one table, its newest rows."""

from __future__ import annotations

import asyncio
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from web.catalog import TableDetail, TableSummary, detail, summaries
from web.queries import Queries
from web.routes.sql import QueryAnswer, answer_of

Limit = Annotated[
    int | None, QueryParameter(ge=1, description="Most rows; the settings' own limit holds as well.")
]


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
    return answer_of(await queries.preview(name, limit))


ROUTES = [list_tables, get_table, preview_table]
