"""What the driver asks of an engine: run this model over these files, write that table so, in one commit.

The driver decides what is read and what becomes stale; an engine computes and writes. Two exist:
`lakehouse.embedded` (DuckDB and deltalake) and `batch.engine` (Spark). Given one task both must leave the
same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
from msgspec import Struct, field

from lakehouse.datasets import Dataset


class Input(Struct, frozen=True, kw_only=True):
    """A relation that a model reads: data files chosen by the driver (pruned, or the newest ones only), or a
    few rows that it has made.

    ``name`` is the relation's name in the SQL. A file may lack columns that ``schema`` has (they are null),
    and has the ``partition`` column, if any, in its path (`event_date=2026-11-24/`). Neither files nor rows
    means an empty relation.
    """

    name: str
    schema: pa.Schema
    files: tuple[Path, ...] = ()
    """Absolute paths, in commit order."""
    partition: str = ""
    rows: pa.Table | None = None
    """In ``schema``; instead of files."""


class Insert(Struct, frozen=True, tag=True):
    """Inserts the model's rows that are new by the dataset's ``build`` (an InsertNew). No existing row is
    changed.

    The engine prunes the target to what the rows can touch: its partitions and files (by their statistics of
    the build's ``time``, see ``lakehouse.storage.delta_log``) within the window of the rows' own times.
    Statistics may be cut to milliseconds: leave a slack of 1 ms.
    """


class Replace(Struct, frozen=True, tag=True):
    """Replaces the target's rows whose ``columns`` have one of the ``values`` by the model's, in one commit.

    Rows of the model with other values are dropped. A value without rows ends with none. Where the dataset's
    build is an InsertNew, the model's rows are first deduplicated among themselves.
    """

    columns: tuple[str, ...]
    values: tuple[tuple[date | int | str, ...], ...]


class Overwrite(Struct, frozen=True, tag=True):
    """Replaces all rows. Where the dataset's build is an InsertNew, the model's rows are deduplicated."""


class Upsert(Struct, frozen=True, tag=True):
    """The model's rows replace the target's rows of equal ``key``; those of ``gone`` go as well.

    Null equals null. Only ``files``, the target's, are searched: those that can hold such rows. See
    ``lakehouse.medallion.upsert``, which does it for every engine.
    """

    key: tuple[str, ...]
    files: tuple[Path, ...]
    gone: pa.Table | None = None
    """Keys of further rows that go, in columns named as ``key``."""
    hot: str = ""
    """Condition (in the models' SQL) for rows that will likely be replaced soon: kept in files of their
    own."""


Write = Insert | Replace | Overwrite | Upsert


class Task(Struct, frozen=True, kw_only=True):
    """One run of one model and the one commit that it ends with."""

    target: Dataset
    path: Path
    """Folder of the target's Delta table, which exists (``lakehouse.storage.tables.create`` makes it)."""
    sql: str
    """The model, in the Spark dialect subset; reads the ``inputs`` by name."""
    inputs: tuple[Input, ...]
    write: Write
    load_timestamp: datetime
    """UTC; goes into every row written, as the column `load_timestamp`."""
    txn: int
    """Version of the Delta transaction `lakehouse.storage.commits.app_id(target)`. The table's own is
    smaller: an engine that finds it equal or greater writes nothing and raises ConflictError."""
    metadata: dict[str, Any]
    """Goes into the commit by ``lakehouse.storage.commits``. For a target whose build is an InsertNew the
    engine adds `dates` and `hours`, the date and hour values of the rows written
    (``lakehouse.storage.commits.changes``), unless they are there already."""
    rows_read: int | None = None
    """Rows that a row-wise model reads, and so must give; None: it need not. An engine that is given others
    raises ContractError before it writes anything (``lakehouse.medallion.tasks.ensure_balanced``)."""
    refuse: Callable[[pa.Table], None] | None = None
    """Takes the rows that fail rules of severity `quarantine`, before anything else is written: the model's
    columns, with the rule's name as ``lakehouse.medallion.refusal.REFUSED``. None: the target has no such
    rule."""


class Result(Struct, frozen=True, kw_only=True):
    """What a task did. A task commits also where it writes no row, so that its metadata sticks."""

    version: int
    """Version of the target after the commit."""
    rows_in: int
    """Rows of the model's result."""
    rows_out: int
    """Rows written: less than ``rows_in`` by the duplicates and by the rows dropped by Replace."""
    seconds: float
    refused: int = 0
    """Rows of the model's result that failed rules of severity `quarantine`."""
    duplicates: int = 0
    """For an InsertNew target: rows left out because a row of their key was kept before."""
    hours: Sequence[str] = field(default_factory=tuple)
    """For an InsertNew target the hours of the rows written, as in the commit's metadata."""


class Engine(Protocol):
    """Runs tasks, one at a time, from one thread."""

    @property
    def name(self) -> str:
        """`embedded` or `spark`; goes into the commit's metadata."""

    def connect(self) -> None:
        """Starts the engine's own processes: after it a task can run, if slowly at first.

        Raises DependencyError where the engine cannot start.
        """

    def warm_up(self) -> None:
        """Does what makes the first task slow (JVM, sessions, compiling), so that a round after it keeps its
        cadence.

        Writes no table. Called again after a DependencyError of ``run``: starts anew what is gone. May run in
        another thread than tasks, but never beside one. Raises DependencyError where the engine cannot start.
        """

    def run(self, task: Task) -> Result:
        """Runs one task to its commit.

        Raises ContractError where a row fails a rule of severity `fail`, ConflictError where the transaction
        has already been written, SchemaMismatch where the model's result cannot be written as the target's
        declared columns, DependencyError where the engine's own processes are gone. After an error nothing is
        committed, or all of it; running the driver's next round is safe in either case.
        """

    def close(self) -> None:
        """Ends sessions and processes. May be called twice."""
