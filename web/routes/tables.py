"""Tables: the list, one table, its versions, its newest rows, its owner and tags."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import MediaType, Response, get, patch
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from lakehouse.catalog import Annotation, Commit, Search, TableDetail, TableSummary
from lakehouse.datasets import Layer
from web.metadata import Metadata
from web.queries import Queries
from web.routes.sql import QueryAnswer, answer_of

Limit = Annotated[
    int | None, QueryParameter(ge=1, description="Most rows; the settings' own limit holds as well.")
]
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
async def get_table(metadata: NamedDependency[Metadata], name: FromPath[str]) -> Response[TableDetail]:
    """Schema, key, owner, rules, quality, freshness, lineage, properties and the last commits of a table."""
    return as_json(await metadata.answer(("table", name), lambda catalog: catalog.table(name)))


@get("/tables/{name:str}/history", operation_id="TableHistory", summary="Versions", tags=["tables"])
async def table_history(
    metadata: NamedDependency[Metadata], name: FromPath[str], limit: Versions = 20
) -> Response[list[Commit]]:
    """The versions of a table, newest first, as far as its log reaches; none for those of layer stream."""
    question = ("history", name, limit)
    return as_json(await metadata.answer(question, lambda catalog: catalog.history(name, limit)))


@patch("/tables/{name:str}", operation_id="AnnotateTable", summary="Set owner and tags", tags=["tables"])
async def annotate_table(
    metadata: NamedDependency[Metadata], name: FromPath[str], data: JSONBody[Annotation]
) -> Response[TableDetail]:
    """Sets the owner, all tags, or both, for good; what is left out stays. Answers the table with them."""
    await metadata.annotate(name, data, by="api")
    return as_json(await metadata.answer(("table", name), lambda catalog: catalog.table(name)))


@get("/tables/{name:str}/preview", operation_id="PreviewTable", summary="Newest rows", tags=["tables"])
async def preview_table(
    queries: NamedDependency[Queries], name: FromPath[str], limit: Limit = None
) -> QueryAnswer:
    """The newest rows of a table, from the files that were added last."""
    return answer_of(await queries.preview(name, limit))


ROUTES = [list_tables, get_table, table_history, annotate_table, preview_table]
