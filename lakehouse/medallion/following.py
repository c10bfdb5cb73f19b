"""What all tables have in common that follow one bronze table version by version."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from msgspec import Struct

from contracts.errors import ContractError
from contracts.settings import Settings
from lakehouse.datasets import Dataset, InsertNew, dataset
from lakehouse.engine import Engine, Input, Insert, Overwrite, Result, Write
from lakehouse.medallion.quarantine import Quarantine
from lakehouse.medallion.tasks import model_task
from lakehouse.storage import commits, delta_log, tables
from lakehouse.storage.position import Position, position_of
from lakehouse.storage.retained import retained_from

TASK_ROWS = 500_000
"""A task takes no further bronze version once it has this many rows."""

log = logging.getLogger(__name__)


class SilverRound(Struct, frozen=True, kw_only=True):
    """One task's outcome."""

    table: str
    rows_in: int
    rows_out: int
    version: int
    refused: int = 0
    duplicates: int = 0
    more: bool
    """Whether bronze has versions that this task left for the next."""


class News(Struct, frozen=True, kw_only=True):
    """What bronze has beyond a position."""

    files: tuple[Path, ...]
    rows: int
    through: int
    """The last version that is in it."""
    more: bool


class Follower:
    """A table that follows one bronze table. Subclasses say what is done with its news."""

    reaches_back: int | None = None
    """A date is built anew from bronze's rows of so many days before it too; None: from all rows."""

    def __init__(self, settings: Settings, declared: Dataset, engine: Engine) -> None:
        (upstream,) = declared.upstream
        self.declared = declared
        self.path: Path = tables.create(settings, declared)
        self.upstream: Dataset = dataset(upstream)
        self.upstream_path: Path = tables.create(settings, self.upstream)
        self.retained: date | None = retained_from(self.upstream_path)
        """From which date on bronze has all of its rows; None: it has never lost any."""
        self._take_columns()
        self.settings = settings
        self._engine = engine
        self._quarantine = Quarantine(settings, declared)
        self._position: Position | None = None

    @property
    def position(self) -> Position:
        if self._position is None:
            self._position = position_of(self.path, self.declared)
        return self._position

    def _take_columns(self) -> None:
        """Columns that bronze has got beyond its declaration are taken on, where each row becomes one."""
        if not isinstance(self.declared.build, InsertNew):
            return
        extras = tables.extra_columns(DeltaTable(str(self.upstream_path)), dataset(self.upstream.name))
        if not extras or set(extras) <= set(self.upstream.schema.names):
            return
        self.upstream = tables.widened(dataset(self.upstream.name), extras)
        self.declared = tables.widened(dataset(self.declared.name), extras)
        tables.evolve(self.path, self.declared)
        log.warning(
            "bronze has new columns: they are taken on",
            extra={"table": self.declared.name, "columns": sorted(extras)},
        )

    def behind(self) -> int:
        """How many versions of bronze are not in it yet."""
        return self._newest_upstream() - self.position.source_version

    def advance(self, max_rows: int = TASK_ROWS) -> SilverRound | None:
        """Takes bronze's next versions in; None: there are none. After any error the position is read
        anew."""
        position, newest = self.position, self._newest_upstream()
        if newest <= position.source_version:
            return None
        news = self._news(position.source_version, newest, max_rows)
        result = self._take(news)
        return SilverRound(
            table=self.declared.name,
            rows_in=result.rows_in,
            rows_out=result.rows_out,
            refused=result.refused,
            duplicates=result.duplicates,
            version=result.version,
            more=news.more,
        )

    def rebuild(self, day: date) -> Result:
        """Computes one date anew from all of bronze that is in already, and replaces it."""
        raise NotImplementedError

    def rebuild_all(self) -> Result:
        """Computes the whole table anew, in one commit."""
        raise NotImplementedError

    def dates(self) -> list[date]:
        """Every date that bronze or the table itself has, sorted."""
        both = [*self._upstream_files(self.position.source_version), *self._own_files()]
        return sorted({date.fromisoformat(file.partition) for file in both if file.partition})

    def _take(self, news: News) -> Result:
        raise NotImplementedError

    def _newest_upstream(self) -> int:
        return delta_log.latest_version(self.upstream_path, self.position.source_version)

    def _own_files(self) -> list[tables.DataFile]:
        return tables.snapshot_files(DeltaTable(str(self.path)), self.path, self.declared)

    def _upstream_files(self, version: int) -> list[tables.DataFile]:
        if version < 0:
            return []
        return tables.snapshot_files(
            DeltaTable(str(self.upstream_path), version=version), self.upstream_path, self.upstream
        )

    def _news(self, after: int, newest: int, max_rows: int) -> News:
        """Files that bronze's versions after ``after`` added."""
        files: list[Path] = []
        rows = 0
        for version in range(after + 1, newest + 1):
            commit = delta_log.read_commit(self.upstream_path, version)
            if commit is None:
                log.warning(
                    "bronze's log no longer has every version: reading the whole table",
                    extra={"table": self.declared.name, "version": version},
                )
                self.retained = retained_from(self.upstream_path)
                every = self._upstream_files(newest)
                return News(
                    files=tuple(file.path for file in every),
                    rows=sum(file.rows for file in every),
                    through=newest,
                    more=False,
                )
            if commit.is_new_schema:
                self._take_columns()
                self.retained = retained_from(self.upstream_path)
            if commits.is_no_news(commit.info):
                continue
            added = [file for file in commit.added if file.data_change]
            files += [file.path for file in added]
            rows += sum(file.rows for file in added)
            if rows >= max_rows:
                return News(files=tuple(files), rows=rows, through=version, more=version < newest)
        return News(files=tuple(files), rows=rows, through=newest, more=False)

    def _run(
        self,
        inputs: Sequence[Input],
        write: Write,
        metadata: dict[str, Any],
        expected: int | None = None,
    ) -> Result:
        """Runs the model. ``expected``: the rows that are read, which a row-wise model must account for."""
        task = model_task(
            self.declared,
            self.path,
            inputs,
            write,
            after=self.position,
            metadata=metadata,
            rows_read=expected if self.declared.row_wise else None,
            refuse=self._quarantine.take,
        )
        self._position = None
        result = self._engine.run(task)
        if self.declared.row_wise and isinstance(write, Insert | Overwrite):
            check_balance(self.declared, result)
        return result


def check_balance(declared: Dataset, result: Result) -> None:
    """Raises ContractError where an engine's counts do not add up: each row that the model gives is written,
    refused, or a duplicate."""
    if result.rows_out + result.refused + result.duplicates != result.rows_in:
        raise ContractError(
            f"rows of {declared.name} do not balance: the model gave {result.rows_in}, written "
            f"{result.rows_out}, quarantined {result.refused}, duplicates {result.duplicates}"
        )
