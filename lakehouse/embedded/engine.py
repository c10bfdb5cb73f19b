"""The engine without a JVM: models by sqlglot in DuckDB, writes by deltalake."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError
from msgspec import Struct

from contracts.errors import ConflictError, SchemaMismatch
from contracts.settings import Settings
from lakehouse.datasets import Dataset, InsertNew
from lakehouse.datasets.declaration import LOAD_TIMESTAMP
from lakehouse.embedded import insert
from lakehouse.embedded.insert import BATCH, ROWS, quoted
from lakehouse.engine import Input, Insert, Replace, Result, Task, Upsert
from lakehouse.medallion import upsert
from lakehouse.medallion.refusal import REFUSED, fail_if_asked, judged_model, rules_of
from lakehouse.medallion.tasks import ensure_balanced, handle_for
from lakehouse.models import transpile
from lakehouse.reading.relations import literal, sql_type, stored
from lakehouse.storage import commits, tables

BATCH_ROWS = 65_536
"""Rows of one Arrow batch on the way from DuckDB to the table."""
IN_MEMORY_BYTES = 64 * 1024**2
"""Rows of input files of at most so many bytes, that is of any usual round, are not put down in DuckDB."""


class EmbeddedEngine:
    """Runs tasks in this process. What does not fit into the memory limit goes to a temporary folder on
    disk."""

    name = "embedded"

    def __init__(self, settings: Settings) -> None:
        self._spill = Path(tempfile.mkdtemp(prefix="dp-embedded-"))
        self._connection = duckdb.connect(
            config={
                "memory_limit": f"{settings.lakehouse.embedded_memory_mb}MiB",
                "temp_directory": str(self._spill),
                "preserve_insertion_order": False,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
        )
        self._handles: dict[Path, DeltaTable] = {}

    def connect(self) -> None:
        """Nothing: DuckDB runs in this process."""

    def warm_up(self) -> None:
        """The first query loads DuckDB's Parquet and time zone parts."""
        self._connection.execute("SELECT CAST(now() AS DATE), hour(now())").fetchall()

    def close(self) -> None:
        self._connection.close()
        shutil.rmtree(self._spill, ignore_errors=True)

    def run(self, task: Task) -> Result:
        started = time.perf_counter()
        handle = handle_for(task, self._handles)
        # A session of its own takes all temporary tables and open results along when it ends.
        session = self._connection.cursor()
        try:
            session.execute("SET TimeZone = 'UTC'")
            for source in task.inputs:
                _register(session, source)
            selected = _select(session, task, handle)
            metadata = self._metadata(task, selected.hours)
            if isinstance(task.write, Upsert):
                rows = session.sql("SELECT * FROM outcome").to_arrow_table()
                rows_out = upsert.upsert(task, handle, upsert.conformed(task, rows), metadata).rows_out
            else:
                rows_out = _write(session, task, selected.rows, handle, metadata)
        except BaseException as error:
            self._handles.pop(task.path, None)
            if isinstance(error, duckdb.ConversionException | duckdb.BinderException):
                raise SchemaMismatch(
                    f"the model of {task.target.name} does not fit its table: {error}"
                ) from error
            if isinstance(error, CommitFailedError):
                raise ConflictError(f"somebody else has written {task.target.name}: {error}") from error
            raise
        finally:
            session.close()
        return Result(
            version=handle.version(),
            rows_in=rows_out if selected.rows_in is None else selected.rows_in,
            rows_out=rows_out,
            refused=selected.refused,
            duplicates=selected.duplicates,
            seconds=time.perf_counter() - started,
            hours=tuple(metadata.get("hours", ())),
        )

    def _metadata(self, task: Task, hours: list[tuple[date, int]]) -> dict[str, Any]:
        metadata = {**task.metadata, "txn": task.txn, "engine": self.name}
        if isinstance(task.target.build, InsertNew) and "hours" not in metadata:
            metadata |= commits.changes(hours)
        return metadata


class _Selected(Struct, kw_only=True):
    """What `outcome` holds, and what it does not."""

    rows_in: int | None = None
    """Rows that the model gave; None: not counted."""
    refused: int = 0
    duplicates: int = 0
    hours: list[tuple[date, int]] = []
    """For an InsertNew target, of the rows that are left."""
    rows: pa.Table | None = None
    """All that is in `outcome`, in the order in which it is written."""


def _select(session: duckdb.DuckDBPyConnection, task: Task, handle: DeltaTable) -> _Selected:
    """Leaves what is to be written as the relation `outcome`."""
    build = task.target.build
    model = transpile.query(judged_model(task.target, task.sql))
    chosen = _chosen(task)
    if not isinstance(build, InsertNew):
        if not rules_of(task.target):
            session.execute(f"CREATE TEMP VIEW outcome AS SELECT * FROM ({model}) WHERE {chosen}")
            return _Selected()
        session.execute(f"CREATE TEMP TABLE outcome AS SELECT * FROM ({model}) WHERE {chosen}")
        return _Selected(refused=_refuse(session, task, "outcome"))
    deciding = [*build.key, build.time, *build.order, *build.hour]
    deciding += [name for name in (task.target.partition, task.target.time) if name]
    if isinstance(task.write, Replace):
        deciding += task.write.columns
    if rules_of(task.target):
        deciding.append(REFUSED)
    rows = insert.create_batch(session, model, deciding, in_memory=_is_small(task))
    done = _Selected(rows_in=insert.number(session, f"SELECT count(*) FROM {BATCH}"))
    ensure_balanced(task, done.rows_in or 0)
    if rules_of(task.target):
        done.refused = _refuse(session, task, BATCH)
    if isinstance(task.write, Insert) and done.rows_in != done.refused:
        existing = tables.snapshot_files(handle, task.path, task.target)
        stored = insert.candidates(session, build, existing)
        if stored is not None:
            done.duplicates = insert.drop_existing(session, build, stored)
    done.duplicates += insert.drop_repeated(session, build)
    left = f"FROM {BATCH} WHERE {chosen}"
    day, hour = (quoted(name) for name in build.hour)
    # A null among them is refused when the rows are written.
    hours = f"SELECT DISTINCT {day}, {hour} {left} AND {day} IS NOT NULL AND {hour} IS NOT NULL"
    done.hours = session.execute(hours).fetchall()
    if rows is None:
        places = f"SELECT {insert.PLACE} {left}"
        session.execute(f"CREATE TEMP VIEW outcome AS SELECT * FROM {ROWS} WHERE rowid IN ({places})")
    else:
        ordered = session.sql(f"SELECT {insert.PLACE} {left}{_order(task)}").to_arrow_table()
        done.rows = rows.take(ordered[insert.PLACE])
    return done


def _is_small(task: Task) -> bool:
    """Whether all that the model reads fits into memory, many times over."""
    return sum(path.stat().st_size for source in task.inputs for path in source.files) <= IN_MEMORY_BYTES


def _refuse(session: duckdb.DuckDBPyConnection, task: Task, table: str) -> int:
    """Takes the rows that fail a rule out of the temporary table; returns how many."""
    counted = session.execute(
        f"SELECT {REFUSED}, count(*) FROM {table} WHERE {REFUSED} IS NOT NULL GROUP BY ALL"
    ).fetchall()
    if not counted:
        return 0
    fail_if_asked(task.target, dict(counted))
    assert task.refuse is not None
    whole = ROWS if table == BATCH else table
    refused = session.sql(f"SELECT * FROM {whole} WHERE {REFUSED} IS NOT NULL").to_arrow_table()
    task.refuse(refused.drop_columns([name for name in refused.column_names if name == insert.PLACE]))
    return insert.number(session, f"DELETE FROM {table} WHERE {REFUSED} IS NOT NULL")


def _write(
    session: duckdb.DuckDBPyConnection,
    task: Task,
    rows: pa.Table | None,
    handle: DeltaTable,
    metadata: dict[str, Any],
) -> int:
    """Writes ``rows``, or else `outcome`, in one commit; returns how many rows."""
    if rows is not None:
        reader = upsert.conformed(task, rows).to_reader(BATCH_ROWS)
    else:
        reader = session.sql(_outcome(task)).to_arrow_reader(BATCH_ROWS)
    counted = _Counted(task.target, reader)
    arguments: dict[str, Any] = {}
    match task.write:
        case Insert():
            arguments["mode"] = "append"
        case Replace():
            arguments |= {"mode": "overwrite", "predicate": _predicate(task.write)}
        case _:
            arguments["mode"] = "overwrite"
    try:
        write_deltalake(
            handle,
            pa.RecordBatchReader.from_batches(task.target.schema, counted),
            commit_properties=CommitProperties(
                custom_metadata=commits.as_custom_metadata(metadata),
                app_transactions=[Transaction(commits.app_id(task.target), task.txn)],
            ),
            **arguments,
        )
    except DeltaError:
        if counted.error is not None:
            raise counted.error from None
        raise
    return counted.rows


class _Counted:
    """Batches on their way to the table: counted, and refused where they do not fit the declaration."""

    def __init__(self, target: Dataset, reader: pa.RecordBatchReader) -> None:
        self.rows = 0
        self.error: SchemaMismatch | None = None
        self._target = target
        self._reader = reader

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        schema = self._target.schema
        for batch in self._reader:
            for field, values in zip(schema, batch.columns, strict=True):
                if values.null_count and not field.nullable:
                    self.error = SchemaMismatch(
                        f"the model of {self._target.name} gives nulls for {field.name}"
                    )
                    raise self.error
            self.rows += batch.num_rows
            yield pa.RecordBatch.from_arrays(
                [values.cast(field.type) for field, values in zip(schema, batch.columns, strict=True)],
                schema=schema,
            )


def _register(session: duckdb.DuckDBPyConnection, source: Input) -> None:
    """A view with exactly the declared columns; those that files lack are null."""
    typed = ", ".join(
        f"CAST(NULL AS {sql_type(field.type)}) AS {quoted(field.name)}" for field in source.schema
    )
    rows = f"SELECT {typed} WHERE false"
    if source.rows is not None:
        session.register(f"{source.name}__rows", source.rows)
        rows += f" UNION ALL BY NAME SELECT * FROM {quoted(f'{source.name}__rows')}"
    elif source.files:
        hive = "hive_partitioning = false"
        if source.partition:
            kind = sql_type(source.schema.field(source.partition).type)
            hive = f"hive_partitioning = true, hive_types = {{{quoted(source.partition)}: {kind}}}"
        files = ", ".join(literal(str(path)) for path in source.files)
        rows += f" UNION ALL BY NAME SELECT * FROM read_parquet([{files}], union_by_name = true, {hive})"
    names = ", ".join(stored(field) for field in source.schema)
    session.execute(f"CREATE OR REPLACE TEMP VIEW {quoted(source.name)} AS SELECT {names} FROM ({rows})")


def _outcome(task: Task) -> str:
    """What is written, with the declared columns and types, in the order of time where the table has one."""
    stamp = insert.instant(task.load_timestamp)
    columns = ", ".join(
        f"{stamp} AS {LOAD_TIMESTAMP}"
        if field.name == LOAD_TIMESTAMP
        else f"CAST({quoted(field.name)} AS {sql_type(field.type)}) AS {quoted(field.name)}"
        for field in task.target.schema
    )
    return f"SELECT {columns} FROM outcome{_order(task)}"


def _order(task: Task) -> str:
    order = [quoted(name) for name in (task.target.partition, task.target.time) if name]
    return f" ORDER BY {', '.join(order)}" if order else ""


def _chosen(task: Task) -> str:
    """Rows of the model that the write takes."""
    return _predicate(task.write) if isinstance(task.write, Replace) else "true"


def _predicate(write: Replace) -> str:
    """As SQL that DuckDB and deltalake both read. Values that differ in the last column only share an IN."""
    if not write.values:
        return "false"
    groups: dict[tuple[date | int | str, ...], list[date | int | str]] = {}
    for value in write.values:
        groups.setdefault(value[:-1], []).append(value[-1])
    terms = []
    for leading, last in groups.items():
        equal = [
            f"{name} = {_literal(value)}" for name, value in zip(write.columns[:-1], leading, strict=True)
        ]
        within = f"{write.columns[-1]} IN ({', '.join(_literal(value) for value in last)})"
        terms.append(" AND ".join([*equal, within]))
    return " OR ".join(f"({term})" for term in terms)


def _literal(value: date | int | str) -> str:
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    return str(value) if isinstance(value, int) else literal(value)
