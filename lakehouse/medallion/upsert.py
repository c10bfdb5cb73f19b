"""Replaces rows of a table by key, for every engine: whole files are exchanged in one commit.

Only files that hold a row which goes are written anew, and rows that will likely be replaced soon are kept in
files apart from the others. So a round rewrites what changes, however large the table is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from msgspec import Struct

from contracts.errors import SchemaMismatch
from lakehouse.datasets import Dataset, ReplaceKeys
from lakehouse.datasets.declaration import LOAD_TIMESTAMP
from lakehouse.engine import Task, Upsert
from lakehouse.medallion import scratch
from lakehouse.models import transpile
from lakehouse.reading.relations import identifier, literal, sql_type
from lakehouse.storage import commits, delta_commit

FILE_ROWS = 250_000
"""Most rows of a file that is written: what one changed row makes a later round write anew."""


class Outcome(Struct, frozen=True, kw_only=True):
    version: int
    rows_out: int
    """Rows of the model that were written; copied ones do not count."""


def conformed(task: Task, rows: pa.Table) -> pa.Table:
    """The model's rows with the declared columns and types, stamped.

    Raises SchemaMismatch where a column is missing, of another kind, or null where it may not be.
    """
    target = task.target
    columns = []
    for field in target.schema:
        if field.name == LOAD_TIMESTAMP:
            columns.append(pa.repeat(pa.scalar(task.load_timestamp, field.type), rows.num_rows))
            continue
        if field.name not in rows.column_names:
            raise SchemaMismatch(f"the model of {target.name} lacks the column {field.name}")
        try:
            values = rows[field.name].cast(field.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise SchemaMismatch(f"the model of {target.name} does not fit its table: {error}") from error
        if values.null_count and not field.nullable:
            raise SchemaMismatch(f"the model of {target.name} gives nulls for {field.name}")
        columns.append(values)
    return pa.table(columns, schema=target.schema)


def upsert(task: Task, handle: DeltaTable, rows: pa.Table, metadata: dict[str, Any]) -> Outcome:
    """Commits ``rows``, which are ``conformed``, as the task's Upsert says; ``handle`` is moved on.

    Raises ConflictError where somebody else has written the table.
    """
    write = task.write
    assert isinstance(write, Upsert)
    with scratch.session() as session:
        session.register("fresh", rows)
        keys = ", ".join(identifier(name) for name in write.key)
        going = f"SELECT {keys} FROM fresh"
        if write.gone is not None:
            session.register("gone", write.gone)
            going += f" UNION SELECT {keys} FROM gone"
        session.execute(f"CREATE TEMP TABLE going AS SELECT DISTINCT * FROM ({going})")
        touched = _touched(session, task.target, write)
        kept = f"SELECT * FROM fresh UNION ALL SELECT * FROM ({_kept(task.target, write, touched)})"
        hot = f"coalesce({transpile.condition(write.hot)}, false)" if write.hot else "false"
        metadata = {**metadata, **_moves(session, task.target, write, touched)}
        adds = [
            delta_commit.write_file(task.path, task.target, part, folder)
            for folder, part in _parts(session, task.target, kept, hot)
        ]
    version = delta_commit.commit(
        handle,
        task.path,
        adds=adds,
        removes=touched,
        app=commits.app_id(task.target),
        txn=task.txn,
        metadata=metadata,
    )
    return Outcome(version=version, rows_out=rows.num_rows)


def _touched(session: duckdb.DuckDBPyConnection, target: Dataset, write: Upsert) -> list[str]:
    """The files that hold a row which goes."""
    if not write.files:
        return []
    stored = _stored(target, [str(path) for path in write.files], target.schema.names)
    rows = session.execute(
        f"SELECT DISTINCT s.filename FROM ({stored}) AS s SEMI JOIN going AS g ON {_same(write)}"
    ).fetchall()
    return sorted(row[0] for row in rows)


def _kept(target: Dataset, write: Upsert, touched: Sequence[str]) -> str:
    """The rows of those files that stay."""
    names = ", ".join(f"s.{identifier(name)}" for name in target.schema.names)
    if not touched:
        return "SELECT * FROM fresh WHERE false"
    stored = _stored(target, touched, target.schema.names)
    return f"SELECT {names} FROM ({stored}) AS s ANTI JOIN going AS g ON {_same(write)}"


def _same(write: Upsert) -> str:
    return " AND ".join(
        f"s.{identifier(name)} IS NOT DISTINCT FROM g.{identifier(name)}" for name in write.key
    )


def _stored(target: Dataset, files: Sequence[str], names: Sequence[str]) -> str:
    """Columns of the target's files, with the column `filename`. Files may lack columns."""
    nothing = ", ".join(f"CAST(NULL AS {sql_type(f.type)}) AS {identifier(f.name)}" for f in target.schema)
    hive = "hive_partitioning = false"
    if target.partition:
        kind = sql_type(target.schema.field(target.partition).type)
        hive = f"hive_partitioning = true, hive_types = {{{identifier(target.partition)}: {kind}}}"
    listed = ", ".join(literal(name) for name in files)
    columns = ", ".join(identifier(name) for name in [*names, "filename"])
    return (
        f"SELECT {columns} FROM (SELECT {nothing}, CAST(NULL AS VARCHAR) AS filename WHERE false "
        f"UNION ALL BY NAME SELECT * FROM read_parquet([{listed}], union_by_name = true, filename = true, "
        f"{hive}))"
    )


def _moves(
    session: duckdb.DuckDBPyConnection, target: Dataset, write: Upsert, touched: Sequence[str]
) -> dict[str, Any]:
    """`dates`: the values of the build's ``moved`` that a key no longer has, or newly has."""
    if not isinstance(target.build, ReplaceKeys) or not target.build.moved:
        return {}
    moved = identifier(target.build.moved)
    columns = ", ".join(identifier(name) for name in write.key) + f", {moved}"
    before = "SELECT * FROM fresh WHERE false"
    if touched:
        stored = _stored(target, touched, target.schema.names)
        before = f"SELECT s.* FROM ({stored}) AS s SEMI JOIN going AS g ON {_same(write)}"
    rows: list[tuple[date]] = session.execute(
        f"WITH old AS (SELECT {columns} FROM ({before})), new AS (SELECT {columns} FROM fresh) "
        f"SELECT DISTINCT {moved} FROM ((FROM old EXCEPT FROM new) UNION ALL (FROM new EXCEPT FROM old)) "
        f"WHERE {moved} IS NOT NULL ORDER BY ALL"
    ).fetchall()
    return {"dates": [row[0].isoformat() for row in rows]}


def _parts(
    session: duckdb.DuckDBPyConnection, target: Dataset, kept: str, hot: str
) -> Iterator[tuple[str | None, pa.Table]]:
    """What is written, as (partition value, rows of one file)."""
    order = [identifier(name) for name in (target.partition, "__hot", target.time, *target.z_order) if name]
    ordered = f"SELECT *, {hot} AS __hot FROM ({kept}) ORDER BY {', '.join(order)}"
    rows = session.sql(ordered).to_arrow_table().combine_chunks()
    if not rows.num_rows:
        return
    partition = rows[target.partition] if target.partition else pa.array([None] * rows.num_rows)
    start = 0
    marks = _changes(partition, rows["__hot"])
    for end in [*marks, rows.num_rows]:
        for first in range(start, end, FILE_ROWS):
            part = rows.slice(first, min(FILE_ROWS, end - first))
            value = part[target.partition][0].as_py() if target.partition else None
            yield (None if value is None else str(value)), part.select(target.schema.names)
        start = end


def _changes(*columns: Any) -> list[int]:
    """Places where a column's value differs from the one before."""
    found: set[int] = set()
    for column in columns:
        values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        if len(values) < 2 or values.null_count == len(values):
            continue
        different = pc.not_equal(values.slice(1), values.slice(0, len(values) - 1))
        found |= {index + 1 for index in pc.indices_nonzero(different).to_pylist()}
    return sorted(found)
