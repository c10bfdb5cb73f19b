"""A table's entry, made of its declaration and its newest snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from lakehouse.catalog.entries import Commit, Quality, TableColumn, TableRule, TableSummary
from lakehouse.datasets import Column, Dataset, ReplaceHours
from lakehouse.reading.snapshots import Snapshot
from lakehouse.storage import delta_log
from lakehouse.storage.commits import metadata_of
from lakehouse.storage.evolution import plain

ADDED = (
    "num_added_rows",
    "num_inserted_rows",
    "num_target_rows_inserted",
    "numTargetRowsInserted",
    "numOutputRows",
)
"""How engines call the number of rows that a commit added; of a merge Spark's last one counts others too."""
NOT_DECLARED = "Not declared: it came with the data."


def summary(
    dataset: Dataset,
    snapshot: Snapshot | None,
    quality: Quality | None = None,
    now: datetime | None = None,
) -> TableSummary:
    """``now``: the present, where that is another than the clock's."""
    return TableSummary(**summary_fields(dataset, snapshot, quality, now))


def summary_fields(
    dataset: Dataset, snapshot: Snapshot | None, quality: Quality | None, now: datetime | None = None
) -> dict[str, Any]:
    """The fields of a TableSummary."""
    values: dict[str, Any] = {
        "name": dataset.name,
        "layer": dataset.layer,
        "description": dataset.description,
        "owner": dataset.owner,
        "tags": list(dataset.tags),
        "freshness_target_seconds": dataset.freshness.total_seconds(),
        "quality_score": quality.score if quality else None,
    }
    newest = snapshot.newest if snapshot else None
    values |= {
        "rows": snapshot.rows if snapshot else None,
        "bytes": snapshot.bytes if snapshot else None,
        "files": len(snapshot.files) if snapshot else None,
        "version": snapshot.version if snapshot else None,
        "newest_event": newest,
        "updated_at": snapshot.updated_at if snapshot else None,
        "lag_seconds": None,
        "freshness": "empty",
    }
    if newest is not None:
        # A producer's clock may run a little ahead, and an hour may be open: no age below zero.
        age = max(((now or datetime.now(UTC)) - end_of(dataset, newest)).total_seconds(), 0.0)
        values["lag_seconds"] = round(age, 3)
        values["freshness"] = "fresh" if age <= dataset.freshness.total_seconds() else "stale"
    return values


def end_of(dataset: Dataset, newest: datetime) -> datetime:
    """Until when a table tells, by its newest event: of a table by hours the end of its newest hour."""
    return newest + timedelta(hours=1) if isinstance(dataset.build, ReplaceHours) else newest


def entry_fields(dataset: Dataset) -> dict[str, Any]:
    """What the declaration alone says for a TableEntry."""
    return {
        "columns": [
            TableColumn(name=c.name, type=str(c.type), nullable=c.nullable, description=c.description)
            for c in dataset.columns
        ],
        "key": list(dataset.key),
        "time": dataset.time,
        "partition": dataset.partition,
        "z_order": list(dataset.z_order),
        "retention_days": _days(dataset.retention),
        "time_travel_days": None if dataset.layer == "stream" else _days(dataset.time_travel),
        "rules": list(_rules(dataset)),
    }


def undeclared(dataset: Dataset, snapshot: Snapshot | None) -> tuple[Column, ...]:
    """Columns that the table has got beyond the declared ones; the stream's outputs have none."""
    if snapshot is None or snapshot.version is None:
        return ()
    declared = set(dataset.schema.names)
    return tuple(
        Column(name=field.name, type=plain(field.type), description=NOT_DECLARED)
        for field in snapshot.schema
        if field.name not in declared
    )


def history(snapshot: Snapshot | None, limit: int) -> list[Commit]:
    """The last commits that are still in the log, the newest first."""
    if snapshot is None or snapshot.version is None:
        return []
    found: list[Commit] = []
    for version in range(snapshot.version, max(snapshot.version - limit, -1), -1):
        commit = delta_log.read_commit(snapshot.path, version)
        if commit is None:
            break
        found.append(_commit(commit))
    return found


def _commit(commit: delta_log.Commit) -> Commit:
    info = commit.info
    metadata = metadata_of(info)
    metrics = info.get("operationMetrics") or {}
    told = [metrics.get(name) for name in ADDED] + [(metadata or {}).get("rows")]
    added = next((count for count in told if count is not None), None)
    return Commit(
        version=commit.version,
        timestamp=datetime.fromtimestamp(int(info.get("timestamp", 0)) / 1000, UTC),
        operation=str(info.get("operation", "")),
        engine=str(info.get("engineInfo", "")),
        rows_added=int(added) if added is not None else None,
        metadata=metadata,
    )


def _rules(dataset: Dataset) -> Iterator[TableRule]:
    for rule in dataset.rules:
        yield TableRule(
            name=rule.name,
            severity=rule.severity,
            over="row",
            fails_when=rule.fails_when or None,
            description=rule.description,
        )
    for set_rule in dataset.set_rules:
        yield TableRule(
            name=set_rule.name,
            severity=set_rule.severity,
            over="table",
            fails_when=None,
            description=set_rule.description,
        )


def _days(span: timedelta | None) -> float | None:
    return span.total_seconds() / 86_400 if span else None
