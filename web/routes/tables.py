"""Tables: the list, one table, its versions, its newest rows, its owner and tags."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from litestar import MediaType, Request, Response, get, patch, route
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from lakehouse.catalog import Annotation, Commit, Search, TableDetail, TableSummary
from lakehouse.datasets import Layer
from web.access.scopes import CALLER, OPEN, QUERY
from web.answers import QueryAnswer, answer
from web.metadata import Metadata
from web.preview import Preview
from web.queries import Queries

TableName = Annotated[str, PathParameter(description="Name of a table.")]
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
Versions = Annotated[int, QueryParameter(ge=1, le=1000, description="Most versions.")]
InLayer = Annotated[Layer | None, QueryParameter(description="Tables of this layer.")]
WithTag = Annotated[str | None, QueryParameter(description="Tables that have this tag.")]
OfOwner = Annotated[str | None, QueryParameter(description="Tables of this owner.")]
WithWords = Annotated[
    str | None,
    QueryParameter(description="Words that all occur in a table's name, description or columns."),
]
WithColumn = Annotated[str | None, QueryParameter(description="Tables that have a column of this name.")]


def as_json(body: bytes) -> Response[Any]:
    """A JSON answer that is encoded already."""
    return Response(body, media_type=MediaType.JSON)


@get("/tables", operation_id="ListTables", summary="All tables", tags=["tables"])
async def list_tables(
    metadata: NamedDependency[Metadata],
    layer: InLayer = None,
    tag: WithTag = None,
    owner: OfOwner = None,
    q: WithWords = None,
    column: WithColumn = None,
) -> Response[list[TableSummary]]:
    """Every declared table, or those that have all that is asked for."""
    search = Search(layer=layer, tag=tag, owner=owner, q=q, column=column)
    return as_json(await metadata.answer(("tables", search), lambda catalog: catalog.tables(search)))


@get("/tables/{name:str}", operation_id="GetTable", summary="One table", tags=["tables"])
async def get_table(metadata: NamedDependency[Metadata], name: TableName) -> Response[TableDetail]:
    """Schema, key, owner, rules, quality, freshness, lineage, properties and the last commits of a table."""
    return as_json(await metadata.answer(("table", name), lambda catalog: catalog.table(name)))


@get("/tables/{name:str}/history", operation_id="TableHistory", summary="Versions", tags=["tables"])
async def table_history(
    metadata: NamedDependency[Metadata], name: TableName, limit: Versions = 20
) -> Response[list[Commit]]:
    """The versions of a table, newest first, as far as its log reaches; none for those of layer stream."""
    question = ("history", name, limit)
    return as_json(await metadata.answer(question, lambda catalog: catalog.history(name, limit)))


@patch("/tables/{name:str}", operation_id="AnnotateTable", summary="Set owner and tags", tags=["tables"])
async def annotate_table(
    request: Request[Any, Any, Any],
    metadata: NamedDependency[Metadata],
    name: TableName,
    data: JSONBody[Annotation],
) -> Response[TableDetail]:
    """Sets the owner, all tags, or both, for good; what is left out stays. Answers the table with them."""
    await metadata.annotate(name, data, by=request.scope["state"][CALLER].name)
    return as_json(await metadata.answer(("table", name), lambda catalog: catalog.table(name)))


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
    name: TableName,
    limit: Limit = None,
    columns: Columns = None,
    where: Where = None,
    order: Order = None,
    as_of: AsOf = None,
) -> Response[QueryAnswer]:
    """The newest rows, from the files that were added last; with `where`, `order` or `as_of` those that these
    ask for."""
    preview = Preview(
        limit=limit, columns=_names(columns), where=where or "", order=_names(order), as_of=as_of
    )
    return await answer(request, queries.preview(name, preview))


def _names(listed: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in listed.split(",") if name.strip()) if listed else ()


@route("/tables/{name:str}", http_method="OPTIONS", include_in_schema=False, opt=OPEN, status_code=204)
async def table_methods(name: TableName) -> Response[None]:
    """The framework's own answer knows only the handler of the path that it met first."""
    return Response(None, headers={"Allow": "GET, OPTIONS, PATCH"})


ROUTES = [table_methods, list_tables, get_table, table_history, annotate_table, preview_table]
