"""Quality of the tables: scores, what the newest checks said, and how it was before."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Meta, Struct

from lakehouse.catalog import Catalog
from lakehouse.datasets import Layer
from lakehouse.datasets.nearest import unknown
from lakehouse.quality.results import Checked, Result
from web.metadata import Metadata
from web.routes.tables import InLayer, TableName, as_json

Of = Annotated[str | None, QueryParameter(description="This table alone.")]
Passed = Annotated[
    bool | None,
    QueryParameter(description="true: tables all of whose rules held; false: those with one that did not."),
]
Runs = Annotated[int, QueryParameter(ge=1, le=1000, description="Most runs, counted from the newest.")]


class TableQuality(Struct, kw_only=True):
    """What one run of checks said of one table."""

    table: str
    layer: Layer
    run_id: Annotated[str, Meta(description="The run; it may have looked at other tables as well.")]
    checked_at: Annotated[datetime, Meta(tz=True, description="When it ran.")]
    score: Annotated[
        float,
        Meta(description="Share of the rules that hold, 0 to 1, weighted: flag 1, quarantine 3, fail 5."),
    ]
    rules: Annotated[int, Meta(description="Rules that were checked.")]
    passed: Annotated[int, Meta(description="Rules that hold.")]
    results: Annotated[list[Result], Meta(description="What it said of each rule, by name.")]


@get("/quality", operation_id="Quality", summary="Scores and newest results", tags=["quality"])
async def get_quality(
    metadata: NamedDependency[Metadata],
    table: Of = None,
    layer: InLayer = None,
    passed: Passed = None,
) -> Response[list[TableQuality]]:
    """The newest check of each table, in the order of the catalog. A table that was not checked on one of the
    last seven dates with checks is left out."""

    def ask(catalog: Catalog) -> list[TableQuality]:
        newest = catalog.results.newest() if catalog.results else {}
        if table is not None and table not in catalog.datasets:
            raise unknown("table", table, catalog.datasets)
        found = [
            _quality(catalog, name, newest[name])
            for name, declared in catalog.datasets.items()
            if name in newest and table in (None, name) and layer in (None, declared.layer)
        ]
        return [one for one in found if passed in (None, one.passed == one.rules)]

    return as_json(await metadata.answer(("quality", table, layer, passed), ask))


@get("/quality/{table:str}", operation_id="QualityTrend", summary="Results over time", tags=["quality"])
async def get_quality_trend(
    metadata: NamedDependency[Metadata], table: TableName, limit: Runs = 20
) -> Response[list[TableQuality]]:
    """The last checks of a table, the newest first."""

    def ask(catalog: Catalog) -> Any:
        if table not in catalog.datasets:
            raise unknown("table", table, catalog.datasets)
        runs = catalog.results.trend(table, limit) if catalog.results else []
        return [_quality(catalog, table, run) for run in runs]

    return as_json(await metadata.answer(("quality trend", table, limit), ask))


def _quality(catalog: Catalog, table: str, run: Checked) -> TableQuality:
    return TableQuality(
        table=table,
        layer=catalog.datasets[table].layer,
        run_id=run.run_id,
        checked_at=run.checked_at,
        score=run.score,
        rules=len(run.results),
        passed=sum(result.passed for result in run.results),
        results=run.results,
    )


ROUTES = [get_quality, get_quality_trend]
