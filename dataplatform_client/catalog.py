"""What the API answers about tables, and where data come from. Fields that a later version adds are
ignored; closed words are plain text here, so that a new one does not fail an old client. What each field
means: the API's `/docs`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct, field


class ResultColumn(Struct, frozen=True):
    """A column of an answer; ``type`` is DuckDB's name."""

    name: str
    type: str


class TableSummary(Struct, kw_only=True):
    """A table in few words."""

    name: str
    layer: str
    description: str
    owner: str
    tags: list[str]
    freshness: str
    freshness_target_seconds: float
    rows: int | None = None
    bytes: int | None = None
    files: int | None = None
    version: int | None = None
    newest_event: datetime | None = None
    updated_at: datetime | None = None
    lag_seconds: float | None = None
    quality_score: float | None = None
    problem: str | None = None


class TableColumn(Struct, kw_only=True):
    """A column of a table; ``type`` is Arrow's name."""

    name: str
    type: str
    nullable: bool
    description: str


class TableRule(Struct, kw_only=True):
    """A rule of quality."""

    name: str
    severity: str
    over: str
    description: str
    fails_when: str | None = None


class FailedRule(Struct, kw_only=True):
    """A rule that did not hold."""

    rule: str
    severity: str
    rows_failed: int
    message: str | None = None


class Quality(Struct, kw_only=True):
    """What the newest check of a table said."""

    run_id: str
    checked_at: datetime
    score: float
    rules: int
    passed: int
    failed: list[FailedRule]


class TableEntry(TableSummary, kw_only=True):
    """A table in the catalog."""

    columns: list[TableColumn]
    key: list[str]
    time: str
    partition: str
    z_order: list[str]
    upstream: list[str]
    downstream: list[str]
    rules: list[TableRule]
    retention_days: float | None = None
    time_travel_days: float | None = None
    oldest_version: int | None = None
    versions_kept: int | None = None
    quality: Quality | None = None


class Commit(Struct, kw_only=True):
    """One version of a table."""

    version: int
    timestamp: datetime
    operation: str
    engine: str
    rows_added: int | None = None
    metadata: dict[str, Any] | None = None


class TableDetail(TableEntry, kw_only=True):
    """All that there is to know of one table."""

    properties: dict[str, str]
    history: list[Commit]


class Catalog(Struct, kw_only=True):
    """The whole catalog."""

    catalog_version: str
    generated_at: datetime
    tables: list[TableEntry]


class Node(Struct, kw_only=True):
    """A topic, a table, or the results of a batch job."""

    name: str
    layer: str
    description: str


class Edge(Struct, kw_only=True):
    """``to`` is built from ``origin``."""

    origin: str = field(name="from")
    to: str


class ColumnRef(Struct, kw_only=True):
    """A column of a dataset."""

    dataset: str
    column: str


class ColumnEdge(Struct, kw_only=True):
    """``to`` is made of ``origin``."""

    origin: ColumnRef = field(name="from")
    to: ColumnRef


class Lineage(Struct, kw_only=True):
    """What lies around one node."""

    name: str
    direction: str
    nodes: list[Node]
    edges: list[Edge]
    depth: int | None = None
    columns: list[ColumnEdge] | None = None
