"""The catalog as one document, its schema, and lineage."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from lakehouse.catalog import Catalog, CatalogExport, Search
from lakehouse.catalog.markdown import markdown
from lakehouse.catalog.schema import json_schema
from lakehouse.lineage import Around, Direction
from lakehouse.lineage.drawing import mermaid
from web.metadata import Metadata
from web.routes.tables import InLayer, OfOwner, WithColumn, WithTag, WithWords, as_json

MARKDOWN = "text/markdown"


Exported = Annotated[Literal["json", "markdown"], QueryParameter(description="Form of the answer.")]
Drawn = Annotated[Literal["json", "mermaid"], QueryParameter(description="mermaid: the text of a flowchart.")]
NodeName = Annotated[str, PathParameter(description="Name of a topic, a table or a batch job.")]
Way = Annotated[
    Direction, QueryParameter(description="What it is built from, what is built from it, or both.")
]
Depth = Annotated[int | None, QueryParameter(ge=0, description="Most hops; however many, if left out.")]
WithColumns = Annotated[bool, QueryParameter(description="Also which columns are made of which.")]


@get("/catalog", operation_id="ExportCatalog", summary="The whole catalog", tags=["catalog"])
async def export_catalog(
    metadata: NamedDependency[Metadata],
    format: Exported = "json",
    layer: InLayer = None,
    tag: WithTag = None,
    owner: OfOwner = None,
    q: WithWords = None,
    column: WithColumn = None,
) -> Response[CatalogExport]:
    """Every table, or those that have all that is asked for, as JSON by `GET /catalog/schema` or as
    Markdown."""
    search = Search(layer=layer, tag=tag, owner=owner, q=q, column=column)

    def ask(catalog: Catalog) -> Any:
        exported = catalog.export(search)
        return markdown(exported) if format == "markdown" else exported

    body = await metadata.answer(("catalog", format, search), ask)
    return as_json(body) if format == "json" else Response[Any](body, media_type=MARKDOWN)


@get("/catalog/schema", operation_id="CatalogSchema", summary="JSON Schema of the catalog", tags=["catalog"])
async def catalog_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of what `GET /catalog` answers."""
    return json_schema()


@get("/catalog/lineage/{name:str}", operation_id="Lineage", summary="Lineage", tags=["catalog"])
async def get_lineage(
    metadata: NamedDependency[Metadata],
    name: NodeName,
    direction: Way = "both",
    depth: Depth = None,
    columns: WithColumns = False,
    format: Drawn = "json",
) -> Response[Around]:
    """What a topic, a table or a batch job's result is built from, and what is built from it, from topic to
    gold."""

    def ask(catalog: Catalog) -> Any:
        around = catalog.lineage.around(name, direction=direction, depth=depth, columns=columns)
        return mermaid(around) if format == "mermaid" else around

    body = await metadata.answer(("lineage", name, direction, depth, columns, format), ask)
    return as_json(body) if format == "json" else Response[Any](body, media_type=MediaType.TEXT)


ROUTES = [export_catalog, catalog_schema, get_lineage]
