"""Bronze → silver: the rows of bronze's new versions, given to the engine in tasks of bounded size."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from msgspec import Struct

from contracts.settings import Settings
from lakehouse import commits, delta_log, tables
from lakehouse.datasets import Dataset, InsertNew, dataset
from lakehouse.engine import Engine, Insert, Replace, Result, Write
from lakehouse.position import Position, position_of
from lakehouse.tasks import model_task

TASK_ROWS = 500_000
"""A task takes no further bronze version once it has this many rows."""

log = logging.getLogger(__name__)


class SilverRound(Struct, frozen=True, kw_only=True):
    """One task's outcome."""

    table: str
    rows_in: int
    rows_out: int
    version: int
    more: bool
    """Whether bronze has versions that this task left for the next."""


class SilverTable:
    """A table that is built by InsertNew from one bronze table."""

    def __init__(self, settings: Settings, declared: Dataset, engine: Engine) -> None:
        assert isinstance(declared.build, InsertNew)
        (upstream,) = declared.upstream
        self.declared = declared
        self.build: InsertNew = declared.build
        self.path: Path = tables.create(settings, declared)
        self.upstream: Dataset = dataset(upstream)
        self.upstream_path: Path = tables.create(settings, self.upstream)
        self._take_columns()
        self._engine = engine
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
        files, through = self._added(position.source_version, newest, max_rows)
        result = self._run(files, Insert(), {"source_version": through})
        return SilverRound(
            table=self.declared.name,
            rows_in=result.rows_in,
            rows_out=result.rows_out,
            version=result.version,
            more=through < newest,
        )

    def rebuild(self, day: date) -> Result:
        """Computes one date anew from all of bronze that is in already, and replaces it.

        The days beside it are read too: what was kept there just across midnight decides what is a duplicate.
        """
        near = {(day + timedelta(days=shift)).isoformat() for shift in (-1, 0, 1)}
        source = self.position.source_version
        files = [file.path for file in self._upstream_files(source) if file.partition in near]
        all_day = [commits.hour_text(day, hour) for hour in range(24)]
        return self._run(
            files,
            Replace((self.build.hour[0],), ((day,),)),
            {"source_version": source, "dates": [day.isoformat()], "hours": all_day},
        )

    def dates(self) -> list[date]:
        """Every date that bronze or the table itself has, sorted."""
        own = tables.snapshot_files(DeltaTable(str(self.path)), self.path, self.declared)
        both = [*self._upstream_files(self.position.source_version), *own]
        return sorted({date.fromisoformat(file.partition) for file in both if file.partition})

    def _newest_upstream(self) -> int:
        return delta_log.latest_version(self.upstream_path, self.position.source_version)

    def _upstream_files(self, version: int) -> list[tables.DataFile]:
        if version < 0:
            return []
        return tables.snapshot_files(
            DeltaTable(str(self.upstream_path), version=version), self.upstream_path, self.upstream
        )

    def _added(self, after: int, newest: int, max_rows: int) -> tuple[list[Path], int]:
        """Files that bronze's versions after ``after`` added, and the last of those versions."""
        files: list[Path] = []
        rows = 0
        for version in range(after + 1, newest + 1):
            commit = delta_log.read_commit(self.upstream_path, version)
            if commit is None:
                log.warning(
                    "bronze's log no longer has every version: reading the whole table",
                    extra={"table": self.declared.name, "version": version},
                )
                return [file.path for file in self._upstream_files(newest)], newest
            if commit.is_new_schema:
                self._take_columns()
            if commits.is_restore(commit.info):
                continue
            added = [file for file in commit.added if file.data_change]
            files += [file.path for file in added]
            rows += sum(file.rows for file in added)
            if rows >= max_rows:
                return files, version
        return files, newest

    def _run(self, files: Sequence[Path], write: Write, metadata: dict[str, Any]) -> Result:
        task = model_task(
            self.declared, self.path, self.upstream, files, write, after=self.position, metadata=metadata
        )
        self._position = None
        return self._engine.run(task)
