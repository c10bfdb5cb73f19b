"""Runs the models on small made-up tables, so that the first real round finds a warm JVM."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from contracts.settings import Settings
from lakehouse.datasets import (
    DATASETS,
    Dataset,
    InsertNew,
    ReplaceDates,
    ReplaceHours,
    Sessions,
    Versions,
    dataset,
)
from lakehouse.engine import Input, Insert, Replace, Result, Task, Upsert, Write
from lakehouse.medallion.entities import TRUNCATES
from lakehouse.medallion.parameters import parameters
from lakehouse.medallion.sessions import TOUCHED
from lakehouse.medallion.unavailable import COMPLETED
from lakehouse.models import model_sql
from lakehouse.storage import tables

ROWS = 2_000
BUDGET_SECONDS = 12.0
"""No further task is begun once so much time has gone: the first one costs more than all others together."""
ROUNDS = 4


def warm(run: Callable[[Task], Result], folder: Path) -> None:
    """Runs the models of all layers by ``run`` on tables under ``folder``, which is emptied before and after.

    Raises what ``run`` raises.
    """
    shutil.rmtree(folder, ignore_errors=True)
    declared = [one for one in DATASETS.values() if one.model]
    started = time.monotonic()
    try:
        paths = {one.name: _create(folder, one) for one in declared}
        for number in range(ROUNDS):
            for one in declared:
                run(_task(folder, one, paths[one.name], number))
                if time.monotonic() - started > BUDGET_SECONDS:
                    return
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _create(folder: Path, declared: Dataset) -> Path:
    path = folder / declared.name
    path.mkdir(parents=True)
    DeltaTable.create(
        str(path),
        declared.schema,
        partition_by=[declared.partition] if declared.partition else None,
        configuration=tables.properties(declared),
    )
    return path


def _task(folder: Path, declared: Dataset, path: Path, number: int) -> Task:
    now = datetime.now(UTC)
    match declared.build:
        case InsertNew():
            write: Write = Insert()
        case ReplaceHours(hour=hour):
            write = Replace(hour, ((now.date(), now.hour),))
        case ReplaceDates(date=day):
            write = Replace((day,), ((now.date(),),))
        case _:
            write = Upsert(key=declared.key, files=())
    own = [parameters(Settings(), now.date())]
    if isinstance(declared.build, Sessions):
        own.append(Input(name="touched", schema=TOUCHED, rows=_touched(now, number)))
    if isinstance(declared.build, Versions):
        relations = {"stored_versions": declared.schema, "truncates": TRUNCATES, "completed": COMPLETED}
        own += [Input(name=n, schema=s, rows=s.empty_table()) for n, s in relations.items()]
    read = [(feed.dataset, feed.name) for feed in declared.feeds] or [(n, n) for n in declared.upstream]
    return Task(
        target=declared,
        path=path,
        sql=model_sql(declared),
        inputs=(*(_input(folder, dataset(name), now, number, relation) for name, relation in read), *own),
        write=write,
        load_timestamp=now,
        txn=number + 1,
        metadata={},
    )


def _input(folder: Path, upstream: Dataset, now: datetime, number: int, relation: str) -> Input:
    place = folder / "inputs" / upstream.name
    if upstream.partition:
        kind = upstream.schema.field(upstream.partition).type
        place /= f"{upstream.partition}={now.date().isoformat() if pa.types.is_date(kind) else 2026}"
    place.mkdir(parents=True, exist_ok=True)
    file = place / f"{number}.parquet"
    if not file.exists():
        schema = pa.schema([field for field in upstream.schema if field.name != upstream.partition])
        columns = [
            pa.array([_value(field.type, now, number, row) for row in range(ROWS)]) for field in schema
        ]
        pq.write_table(
            pa.table([c.cast(f.type) for c, f in zip(columns, schema, strict=True)], schema=schema), file
        )
    return Input(name=relation, files=(file,), schema=upstream.schema, partition=upstream.partition)


def _touched(now: datetime, number: int) -> pa.Table:
    """All users of the made-up clicks."""
    day = timedelta(days=1)
    users = [f"{number}-{row}" for row in range(ROWS)]
    return pa.Table.from_pylist(
        [{"user_id": user, "from_at": now - day, "until_at": now + day} for user in users], TOUCHED
    )


def _value(kind: pa.DataType, now: datetime, number: int, row: int) -> Any:
    """A value of the type; texts are unique to the round and the row."""
    if pa.types.is_timestamp(kind):
        return now - timedelta(milliseconds=row)
    if pa.types.is_date(kind):
        return date(now.year, now.month, now.day)
    if pa.types.is_boolean(kind):
        return row % 2 == 0
    if pa.types.is_integer(kind):
        return row
    if pa.types.is_floating(kind):
        return row / 7
    if pa.types.is_list(kind):
        return [f"{number}-{row}"]
    return f"{number}-{row}"
