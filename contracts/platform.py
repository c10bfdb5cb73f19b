"""What other processes hand to the driver for tables of the platform's own, as chains in landing.

`landing/platform_<table>/…` in the layout of a source (``lakehouse.medallion.platform_landing`` writes them).
The driver appends each row once to the table of that name.
"""

from __future__ import annotations

import pyarrow as pa
from msgspec import Struct

from contracts.errors import NotFound
from contracts.landing import LANDING, TIMESTAMP
from contracts.sources import SOURCES, Source


class PlatformSource(Struct, frozen=True, kw_only=True):
    """One such chain and the table that it feeds."""

    table: str
    time_field: str
    """Column of the time that a row is about."""
    date_column: str
    """Partition column of the table: the UTC date of ``time_field``."""
    id_field: str = ""

    @property
    def name(self) -> str:
        """Of the chain's folder below `landing/`, and in ``PLATFORM_LANDING``."""
        return f"platform_{self.table}"

    @property
    def chain_folder(self) -> str:
        return f"landing/{self.name}"


METRICS = PlatformSource(table="platform_metrics_silver", time_field="sampled_at", date_column="sampled_date")
ANNOTATIONS = PlatformSource(table="catalog_annotations", time_field="annotated_at", date_column="date")
RESULTS = PlatformSource(table="quality_results", time_field="checked_at", date_column="date")
RUNS = PlatformSource(table="batch_runs", time_field="started_at", date_column="date", id_field="run_id")

PLATFORM_SOURCES = (METRICS, ANNOTATIONS, RESULTS, RUNS)

PLATFORM_LANDING: dict[str, pa.Schema] = {
    METRICS.name: pa.schema(
        [
            pa.field("sampled_at", TIMESTAMP, nullable=False),
            pa.field("component", pa.string(), nullable=False),
            pa.field("metric", pa.string(), nullable=False),
            pa.field("value", pa.float64()),
            pa.field("status", pa.string()),
        ]
    ),
    ANNOTATIONS.name: pa.schema(
        [
            pa.field("annotated_at", TIMESTAMP, nullable=False),
            pa.field("dataset", pa.string(), nullable=False),
            pa.field("column", pa.string()),
            pa.field("owner", pa.string()),
            pa.field("tags", pa.list_(pa.string())),
            pa.field("annotated_by", pa.string(), nullable=False),
        ]
    ),
    RESULTS.name: pa.schema(
        [
            pa.field("checked_at", TIMESTAMP, nullable=False),
            pa.field("run_id", pa.string(), nullable=False),
            pa.field("dataset", pa.string(), nullable=False),
            pa.field("rule", pa.string(), nullable=False),
            pa.field("severity", pa.string(), nullable=False),
            pa.field("passed", pa.bool_(), nullable=False),
            pa.field("rows_checked", pa.int64(), nullable=False),
            pa.field("rows_failed", pa.int64(), nullable=False),
            pa.field("message", pa.string()),
        ]
    ),
    RUNS.name: pa.schema(
        [
            pa.field("run_id", pa.string(), nullable=False),
            pa.field("job", pa.string(), nullable=False),
            pa.field("run_date", pa.date32(), nullable=False),
            pa.field("trigger", pa.string(), nullable=False),
            pa.field("attempt", pa.int32(), nullable=False),
            pa.field("status", pa.string(), nullable=False),
            pa.field("engine", pa.string(), nullable=False),
            pa.field("started_at", TIMESTAMP, nullable=False),
            pa.field("ended_at", TIMESTAMP, nullable=False),
            pa.field("rows_in", pa.int64()),
            pa.field("rows_out", pa.int64()),
            pa.field("versions", pa.string(), nullable=False),
            pa.field("error", pa.string()),
        ]
    ),
}
"""Columns of a chain's files by source name. `platform_metrics_silver`: one row a minute, component and
metric; the metric `dead_letters` is the number since the sample before, and `status` is `healthy`, `degraded`
or `unhealthy`."""

Landed = Source | PlatformSource
"""What has chains in landing."""


def landed_named(name: str) -> Landed:
    """A source of either kind. Raises NotFound that lists the names."""
    every: tuple[Landed, ...] = (*SOURCES, *PLATFORM_SOURCES)
    for source in every:
        if source.name == name:
            return source
    raise NotFound(f"no source named {name!r}; sources: {', '.join(source.name for source in every)}")


def landing_schema(source: Landed) -> pa.Schema:
    """Columns of its chains' files."""
    return PLATFORM_LANDING[source.name] if isinstance(source, PlatformSource) else LANDING[source.name]
