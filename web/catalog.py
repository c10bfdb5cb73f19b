"""What the API tells of tables: the declarations, and what is on disk."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

from deltalake import DeltaTable
from msgspec import Struct

from contracts.errors import QueryError
from lakehouse.datasets import Dataset, Layer, ReplaceHours
from lakehouse.reading.snapshots import Snapshot, Snapshots
from lakehouse.storage.commits import metadata_of
from web.queries import declared

HISTORY = 20
"""How many commits a table's page lists."""

Freshness = Literal["fresh", "stale", "empty"]


class TableSummary(Struct, kw_only=True):
    """One row of `GET /tables`. What a table cannot have, or not yet, is null:
    those of layer `stream` have no versions, and their rows are not counted."""

    name: str
    layer: Layer
    description: str
    rows: int | None = None
    bytes: int | None = None
    files: int | None = None
    version: int | None = None
    newest_event: datetime | None = None
    """Largest event time in the table; of a table by hours the beginning of its newest hour."""
    updated_at: datetime | None = None
    """When its newest version was written."""
    freshness: Freshness = "empty"
    """`stale`: the newest event is older than the target; `empty`: there is none."""
    freshness_target_seconds: float
    lag_seconds: float | None = None
    """Age of the newest event, or of the newest hour's end."""


class TableColumn(Struct, kw_only=True):
    name: str
    type: str
    """Arrow's name of the type."""
    nullable: bool
    description: str


class Commit(Struct, kw_only=True):
    """One version of a table."""

    version: int
    timestamp: datetime
    operation: str
    engine: str
    rows_added: int | None
    metadata: dict[str, Any] | None
    """The platform's own metadata of the commit."""


class TableDetail(TableSummary, kw_only=True):
    """`GET /tables/{name}`."""

    columns: list[TableColumn]
    key: list[str]
    time: str
    """Column of event time."""
    partition: str
    z_order: list[str]
    owner: str
    tags: list[str]
    upstream: list[str]
    downstream: list[str]
    retention_days: float | None
    properties: dict[str, str]
    """Delta table properties."""
    history: list[Commit]
    """The last commits, newest first."""


def summaries(
    snapshots: Snapshots, datasets: Mapping[str, Dataset], layer: str | None = None
) -> list[TableSummary]:
    """All declared tables, or those of one layer. Raises QueryError for a layer that there is not."""
    if layer is not None and layer not in get_args(Layer):
        raise QueryError(f"no layer {layer!r}; layers: {', '.join(get_args(Layer))}")
    return [
        TableSummary(**_summary(dataset, snapshots.get(dataset.name)))
        for dataset in datasets.values()
        if layer is None or dataset.layer == layer
    ]


def detail(snapshots: Snapshots, datasets: Mapping[str, Dataset], name: str) -> TableDetail:
    """One table. Raises NotFound with the names that are near."""
    dataset = declared(datasets, name)
    snapshot = snapshots.get(name)
    properties: dict[str, str] = {}
    history: list[Commit] = []
    if snapshot is not None and snapshot.version is not None:
        table = DeltaTable(str(snapshot.path))
        properties = {str(key): str(value) for key, value in table.metadata().configuration.items()}
        history = [_commit(entry) for entry in table.history(HISTORY)]
    return TableDetail(
        **_summary(dataset, snapshot),
        columns=[
            TableColumn(name=c.name, type=str(c.type), nullable=c.nullable, description=c.description)
            for c in dataset.columns
        ],
        key=list(dataset.key),
        time=dataset.time,
        partition=dataset.partition,
        z_order=list(dataset.z_order),
        owner=dataset.owner,
        tags=list(dataset.tags),
        upstream=list(dataset.upstream),
        downstream=[other.name for other in datasets.values() if name in other.upstream],
        retention_days=dataset.retention.total_seconds() / 86_400 if dataset.retention else None,
        properties=properties,
        history=history,
    )


def _summary(dataset: Dataset, snapshot: Snapshot | None) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": dataset.name,
        "layer": dataset.layer,
        "description": dataset.description,
        "freshness_target_seconds": dataset.freshness.total_seconds(),
    }
    if snapshot is None:
        return values
    newest = snapshot.newest
    values |= {
        "rows": snapshot.rows,
        "bytes": snapshot.bytes,
        "files": len(snapshot.files),
        "version": snapshot.version,
        "newest_event": newest,
        "updated_at": snapshot.updated_at,
    }
    if newest is not None:
        until = newest + timedelta(hours=1) if isinstance(dataset.build, ReplaceHours) else newest
        # A producer's clock may run a little ahead, and an hour may be open: no age below zero.
        age = max((datetime.now(UTC) - until).total_seconds(), 0.0)
        values["lag_seconds"] = round(age, 3)
        values["freshness"] = "fresh" if age <= dataset.freshness.total_seconds() else "stale"
    return values


def _commit(entry: dict[str, Any]) -> Commit:
    metrics = entry.get("operationMetrics") or {}
    added = metrics.get("num_added_rows", metrics.get("numOutputRows", metrics.get("num_inserted_rows")))
    return Commit(
        version=int(entry["version"]),
        timestamp=datetime.fromtimestamp(entry["timestamp"] / 1000, UTC),
        operation=str(entry.get("operation", "")),
        engine=str(entry.get("engineInfo", "")),
        rows_added=int(added) if added is not None else None,
        metadata=metadata_of(entry),
    )
