"""Tasks as the tables make them, and the handle that an engine writes them by."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable

from contracts.errors import ConflictError, ContractError
from lakehouse.datasets import DATASETS, Dataset, dataset
from lakehouse.engine import Input, Task, Write
from lakehouse.models import model_sql
from lakehouse.storage import commits
from lakehouse.storage.evolution import widened_sql
from lakehouse.storage.position import Position


def model_task(
    declared: Dataset,
    path: Path,
    inputs: Iterable[Input],
    write: Write,
    *,
    after: Position,
    metadata: dict[str, Any],
    rows_read: int | None = None,
    refuse: Callable[[pa.Table], None] | None = None,
) -> Task:
    """The model of ``declared`` over these inputs, as the transaction after ``after``."""
    txn = after.txn + 1
    return Task(
        target=declared,
        path=path,
        sql=_sql(declared),
        inputs=tuple(inputs),
        write=write,
        load_timestamp=datetime.now(UTC),
        txn=txn,
        metadata={**metadata, "txn": txn},
        rows_read=rows_read,
        refuse=refuse,
    )


def ensure_balanced(task: Task, given: int) -> None:
    """Raises ContractError where a row-wise model gives more or fewer rows than it has read."""
    if task.rows_read is not None and given != task.rows_read:
        raise ContractError(
            f"the model of {task.target.name} gives {given} rows for the {task.rows_read} that it reads: "
            "it is declared row-wise, so nothing is written"
        )


def files_of(declared: Dataset, files: Iterable[Path], name: str = "") -> Input:
    """These data files of a table as an input, by the table's name or another."""
    return Input(
        name=name or declared.name,
        files=tuple(files),
        schema=declared.schema,
        partition=declared.partition,
    )


def _sql(declared: Dataset) -> str:
    """The dataset's model, with the columns that its table has got beyond the declaration."""
    known = set(dataset(declared.name).schema.names) if declared.name in DATASETS else None
    extra = [column.name for column in declared.columns if known is not None and column.name not in known]
    sql = model_sql(declared)
    return widened_sql(sql, extra) if extra else sql


def handle_for(task: Task, handles: dict[Path, DeltaTable]) -> DeltaTable:
    """The newest version of the task's table, by the handle kept in ``handles``.

    Raises ConflictError where the table has the task's transaction already.
    """
    handle = handles.get(task.path)
    if handle is None:
        handle = handles[task.path] = DeltaTable(str(task.path))
    else:
        handle.update_incremental()
    written = handle.transaction_version(commits.app_id(task.target))
    if written is not None and written >= task.txn:
        raise ConflictError(f"{task.target.name} has transaction {written} already: {task.txn} is a replay")
    return handle
