"""What the catalog says of a table. These structs are the answers of the API, the export, and its JSON
Schema."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from lakehouse.datasets import Layer, Severity

CATALOG_VERSION = "1.1"
"""Of the export's form. The second number rises with what is added, the first with what a reader could trip
over: a field that goes, or says something else."""

Moment = Annotated[datetime, Meta(tz=True)]
"""In UTC."""
Freshness = Literal["fresh", "stale", "empty"]


def _says(text: str) -> Meta:
    return Meta(description=text)


class FailedRule(Struct, kw_only=True):
    """A rule that did not hold."""

    rule: str
    severity: str
    rows_failed: Annotated[int, _says("Rows that fail it.")]
    message: str | None


class Quality(Struct, kw_only=True):
    """What the newest check of a table said."""

    run_id: Annotated[str, _says("The check.")]
    checked_at: Annotated[Moment, _says("When it ran.")]
    score: Annotated[float, _says("Share of the rules that hold, 0 to 1, weighted by severity.")]
    rules: Annotated[int, _says("Rules that were checked.")]
    passed: Annotated[int, _says("Rules that hold.")]
    failed: Annotated[list[FailedRule], _says("Those that do not.")]


class TableSummary(Struct, kw_only=True):
    """A table in few words. What it cannot have, or not yet, is null: those of layer `stream` have no
    versions, and their rows are not counted."""

    name: Annotated[str, _says("Its name in SQL.")]
    layer: Annotated[Layer, _says("stream, bronze, silver, gold or platform.")]
    description: Annotated[str, _says("What one row is.")]
    owner: Annotated[str, _says("Whom to ask.")]
    tags: Annotated[list[str], _says("Words to find it by.")]
    rows: Annotated[int | None, _says("Rows of the newest version.")]
    bytes: Annotated[int | None, _says("Size of its data files.")]
    files: Annotated[int | None, _says("Number of its data files.")]
    version: Annotated[int | None, _says("Newest Delta version.")]
    newest_event: Annotated[
        Moment | None, _says("Largest event time; of a table by hours the beginning of its newest hour.")
    ]
    updated_at: Annotated[Moment | None, _says("When the newest version was written.")]
    freshness: Annotated[
        Freshness, _says("stale: the newest event is older than the target; empty: there is none.")
    ]
    freshness_target_seconds: Annotated[float, _says("An event should be here so long after it was sent.")]
    lag_seconds: Annotated[float | None, _says("Age of the newest event, or of the newest hour's end.")]
    quality_score: Annotated[
        float | None,
        _says("Weighted share of its rules that held at the newest check, 0 to 1; null: not checked."),
    ]
    problem: Annotated[
        str | None, _says("What is wrong with its log or files; null: nothing is known to be.")
    ]


class TableColumn(Struct, kw_only=True):
    """A column of a table."""

    name: str
    type: Annotated[str, _says("Arrow's name of the type.")]
    nullable: bool
    description: str


class TableRule(Struct, kw_only=True):
    """A rule of quality."""

    name: str
    severity: Annotated[
        Severity,
        _says("flag: it is noted; quarantine: the row is kept out; fail: nothing of the commit is written."),
    ]
    over: Annotated[
        Literal["row", "table"], _says("Whether it is over single rows, or over all of them together.")
    ]
    fails_when: Annotated[str | None, _says("SQL condition of the rows that fail; null: no condition.")]
    description: str


class TableEntry(TableSummary, kw_only=True):
    """All that the catalog exports of a table."""

    columns: list[TableColumn]
    key: Annotated[list[str], _says("Columns that identify a row; none: rows are only appended.")]
    time: Annotated[str, _says("Column of event time; empty: it has none.")]
    partition: Annotated[str, _says("Partition column; empty: it has none.")]
    z_order: Annotated[list[str], _says("Columns that closed days are ordered by.")]
    upstream: Annotated[list[str], _says("Topics and tables that it is built from.")]
    downstream: Annotated[list[str], _says("Tables and batch jobs that are built from it.")]
    retention_days: Annotated[float | None, _says("Older rows may be removed; null: kept for good.")]
    time_travel_days: Annotated[
        float | None, _says("How far back versions can be read; null: it has no versions.")
    ]
    oldest_version: Annotated[int | None, _says("Oldest Delta version that can be read.")]
    versions_kept: Annotated[int | None, _says("Delta versions that can be read.")]
    rules: list[TableRule]
    quality: Annotated[Quality | None, _says("The newest check; null: not checked lately.")]


class Commit(Struct, kw_only=True):
    """One version of a table."""

    version: int
    timestamp: Annotated[Moment, _says("When it was written.")]
    operation: Annotated[str, _says("What the engine calls it.")]
    engine: str
    rows_added: Annotated[int | None, _says("Rows that it wrote, where the engine counts them.")]
    metadata: Annotated[dict[str, Any] | None, _says("The platform's own metadata of the commit.")]


class TableDetail(TableEntry, kw_only=True):
    """All that there is to know of one table."""

    properties: Annotated[dict[str, str], _says("Delta table properties.")]
    history: Annotated[list[Commit], _says("The last commits, newest first.")]


class CatalogExport(Struct, kw_only=True):
    """The catalog as one document."""

    catalog_version: Annotated[
        str, Meta(pattern=rf"^{CATALOG_VERSION.split('.')[0]}\.\d+$", description="Version of this form.")
    ]
    generated_at: Annotated[Moment, _says("When it was made.")]
    tables: Annotated[list[TableEntry], _says("Upstream before downstream.")]
