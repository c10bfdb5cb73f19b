"""What the checks of one run share: the database, the snapshots, the dates, and how a finding is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import duckdb
from msgspec import Struct

from contracts.errors import NotFound
from contracts.settings import Settings
from lakehouse.datasets import Dataset, FromChain, Severity
from lakehouse.quality import positions, wording
from lakehouse.quality.extent import ALL_DAYS, Days, rows_of
from lakehouse.quality.findings import SAMPLES, Finding
from lakehouse.quality.positions import Position
from lakehouse.reading.relations import identifier, select_of_nothing
from lakehouse.reading.snapshot import Snapshot
from lakehouse.reading.stream_snapshots import AllSnapshots

VIEW = "checked"
"""The relation of the rows that are looked at."""


class Look:
    """One run. For one thread."""

    def __init__(
        self,
        settings: Settings,
        connection: duckdb.DuckDBPyConnection,
        datasets: Mapping[str, Dataset],
        days: Days,
        *,
        run_id: str,
        now: datetime,
    ) -> None:
        self.settings = settings
        self.datasets = datasets
        self.days = days
        self.run_id = run_id
        self.now = now
        self.snapshots = AllSnapshots(settings, datasets)
        self._connection = connection

    @cached_property
    def last_sign(self) -> datetime:
        return positions.last_sign(self.settings)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(sql).fetchall()
        except RuntimeError as error:
            # What DuckDB makes of Ctrl-C; its own errors are others.
            if "interrupted" in str(error).lower():
                raise KeyboardInterrupt from error
            raise

    def row(self, sql: str) -> tuple[Any, ...]:
        (found,) = self.rows(sql)
        return found

    def view(self, name: str, select: str) -> None:
        self._connection.execute(f"CREATE OR REPLACE TEMP VIEW {identifier(name)} AS {select}")

    def table(self, name: str) -> Table | None:
        """A table as it is now; None: it has not been written yet."""
        snapshot = self.snapshots.get(name)
        return Table(self, self.datasets[name], snapshot) if snapshot else None

    def upstream(self, table: Table, name: str) -> Snapshot | None:
        """The version of an upstream that the table has taken in; None: nobody knows, or it is gone."""
        taken = table.position.taken.get(name, -1) if table.position else -1
        newest = self.snapshots.get(name) if name in self.datasets else None
        if newest is None or taken < 0 or newest.version is None:
            return None
        try:
            return newest if newest.version == taken else self.snapshots.at(name, version=taken)
        except NotFound:
            return None

    def view_upstream(self, table: Table, name: str, days: Days = ALL_DAYS, view: str = "") -> bool:
        """Makes a view of an upstream as the table has taken it in; false: it cannot be read any more."""
        snapshot = self.upstream(table, name)
        if snapshot is None:
            return False
        self.view(view or name, rows_of(self.datasets[name], snapshot, days))
        return True

    def view_nothing(self, name: str) -> None:
        self.view(name, select_of_nothing(self.datasets[name].schema))


class Table(Struct, kw_only=False):
    """A table that is being checked."""

    look: Look
    declared: Dataset
    snapshot: Snapshot
    rows: int = 0
    """Rows of the dates that are looked at; known after the scan."""
    hours: dict[int, int] = {}
    """Rows by hour since 1970; empty where rows are of no hour."""
    known_position: tuple[Position | None] | None = None

    @property
    def name(self) -> str:
        return self.declared.name

    @property
    def position(self) -> Position | None:
        if self.known_position is None:
            version = self.snapshot.version
            self.known_position = (
                None if version is None else positions.position(self.snapshot.path, self.declared, version),
            )
        return self.known_position[0]

    def open(self) -> None:
        """Makes ``VIEW`` the rows of this table."""
        self.look.view(VIEW, rows_of(self.declared, self.snapshot, self.look.days))

    @property
    def identity(self) -> tuple[str, ...]:
        """Columns that samples are named by."""
        if self.declared.key:
            return self.declared.key
        place = ("source_topic", "source_partition", "source_offset")
        if isinstance(self.declared.build, FromChain) and set(place) <= set(self.declared.schema.names):
            return place
        return ()

    def samples(self, condition: str) -> tuple[str, ...]:
        """Keys of some rows for which the condition holds."""
        names = self.identity
        if not names:
            return ()
        columns = ", ".join(map(identifier, names))
        sql = f"SELECT {columns} FROM {VIEW} WHERE {condition} ORDER BY ALL LIMIT {SAMPLES}"
        return self.named(names, self.look.rows(sql))

    def named(self, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> tuple[str, ...]:
        return tuple(wording.keyed(names, row) for row in rows)

    def finding(
        self,
        rule: str,
        severity: Severity,
        message: str,
        *,
        checked: int | None = None,
        failed: int = 0,
        samples: Sequence[str] = (),
        names: Sequence[str] | None = None,
    ) -> Finding:
        """``failed`` rows fail it, 0: it holds. ``names`` are the columns that the samples are of."""
        shown = wording.examples(self.identity if names is None else names, samples)
        return Finding(
            run_id=self.look.run_id,
            checked_at=self.look.now,
            table=self.name,
            rule=rule,
            severity=severity,
            passed=failed == 0,
            rows_checked=self.rows if checked is None else checked,
            rows_failed=failed,
            message=f"{message}{shown}.",
            samples=tuple(samples),
        )
