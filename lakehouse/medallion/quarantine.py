"""`quarantine_silver`: the rows that silver rules refuse, written before the table that they are kept out of.

A row is known by its place in the source, so that a run that is repeated, or a table that is built anew,
quarantines none twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from contracts.settings import Settings
from lakehouse.datasets import Dataset, dataset
from lakehouse.medallion.refusal import REFUSED
from lakehouse.storage import commits, tables
from lakehouse.storage.position import position_of

TABLE = "quarantine_silver"

_PLACE = ("source_topic", "source_partition", "source_offset")


class Quarantine:
    """Takes the rows that one dataset's rules refuse."""

    def __init__(self, settings: Settings, refusing: Dataset) -> None:
        self._settings = settings
        self._refusing = refusing
        self._rules = {rule.name: rule for rule in refusing.rules}

    def take(self, rows: pa.Table) -> None:
        """Quarantines rows that have the columns of their place in the source and ``REFUSED``. Durable when
        it returns."""
        declared = dataset(TABLE)
        path = tables.create(self._settings, declared)
        handle = DeltaTable(str(path))
        known = self._known(handle, rows)
        now = datetime.now(UTC)
        found: list[dict[str, Any]] = []
        for row in rows.to_pylist():
            rule = self._rules[row.pop(REFUSED)]
            if tuple(row[name] for name in _PLACE) in known:
                continue
            found.append(
                {
                    "dataset": self._refusing.name,
                    "rule": rule.name,
                    "severity": rule.severity,
                    "reason": rule.description,
                    "row": as_json(row),
                    **{name: row[name] for name in _PLACE},
                    "quarantined_at": now,
                    "load_timestamp": now,
                }
            )
        if not found:
            return
        txn = position_of(path, declared).txn + 1
        metadata = {"txn": txn, "rows": len(found), **commits.changes([(now.date(), now.hour)])}
        write_deltalake(
            handle,
            pa.Table.from_pylist(found, declared.schema),
            mode="append",
            commit_properties=CommitProperties(
                custom_metadata=commits.as_custom_metadata(metadata),
                app_transactions=[Transaction(commits.app_id(declared), txn)],
            ),
        )

    def _known(self, handle: DeltaTable, rows: pa.Table) -> set[tuple[str, int, int]]:
        """Places of rows that are in it already. Only files with offsets as high are read."""
        bounds = pc.min_max(rows["source_offset"]).as_py()
        actions = pa.table(handle.get_add_actions(flatten=True))
        if not actions.num_rows:
            return set()
        path = tables.path_of(self._settings, dataset(TABLE))
        low, high = _column(actions, "min.source_offset"), _column(actions, "max.source_offset")
        places: set[tuple[str, int, int]] = set()
        for index, file in enumerate(tables.snapshot_files(handle, path, dataset(TABLE))):
            if file.partition != self._refusing.name:
                continue
            least, most = low[index], high[index]
            if least is None or most is None or (least <= bounds["max"] and most >= bounds["min"]):
                read = pq.ParquetFile(file.path).read(columns=list(_PLACE))
                places |= set(zip(*(read[name].to_pylist() for name in _PLACE), strict=True))
        return places


def as_json(row: dict[str, Any]) -> str:
    """A row as JSON text. Numbers that JSON does not have become texts."""
    return msgspec.json.encode({name: _plain(value) for name, value in row.items()}).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value


def _column(actions: pa.Table, name: str) -> Sequence[Any]:
    if name not in actions.column_names:
        return [None] * actions.num_rows
    return list(actions[name].to_pylist())
