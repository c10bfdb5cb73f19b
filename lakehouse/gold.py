"""Silver → gold: the hours that silver's commits have changed are computed anew and replaced."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from msgspec import Struct

from contracts.settings import Settings
from lakehouse import commits, delta_log, tables
from lakehouse.datasets import Dataset, InsertNew, ReplaceHours, dataset
from lakehouse.engine import Engine, Overwrite, Replace, Result, Write
from lakehouse.position import Position, position_of
from lakehouse.tasks import model_task

TASK_HOURS = 31 * 24
"""Most hours that one task replaces; more of them follow in the next."""

Hour = tuple[date, int]


class GoldRound(Struct, frozen=True, kw_only=True):
    """One task's outcome."""

    table: str
    hours: int
    rows_out: int
    version: int
    more: bool
    """Whether hours that are due were left for the next task."""


class GoldTable:
    """A table that is built by ReplaceHours from one silver table.

    An hour that went stale is refreshed at once if it has not been within the last ``gold_seconds``, else
    when they have passed. Hours that wait stand in the commit's metadata (`deferred`), so that a restart
    knows them.
    """

    def __init__(
        self,
        settings: Settings,
        declared: Dataset,
        engine: Engine,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        assert isinstance(declared.build, ReplaceHours)
        (upstream,) = declared.upstream
        self.declared = declared
        self.build: ReplaceHours = declared.build
        self.path: Path = tables.create(settings, declared)
        self.upstream: Dataset = dataset(upstream)
        assert isinstance(self.upstream.build, InsertNew)
        self.upstream_path: Path = tables.create(settings, self.upstream)
        self._engine = engine
        self._every = settings.gold_seconds
        self._clock = clock
        self._position: Position | None = None
        self._seen = -1
        """Silver version up to which changed hours are in ``_stale``."""
        self._stale: set[Hour] = set()
        self._everything = False
        self._refreshed: dict[Hour, float] = {}

    @property
    def position(self) -> Position:
        if self._position is None:
            self._position = position_of(self.path, self.declared)
            self._seen = self._position.source_version
            self._stale = {commits.parse_hour(text) for text in self._position.metadata.get("deferred", ())}
            self._everything = False
        return self._position

    def stale(self) -> int:
        """How many hours wait to be refreshed."""
        self._observe()
        return len(self._stale)

    def advance(self) -> GoldRound | None:
        """Refreshes the hours that are due, in one commit; None: none is. After an error the position is read
        anew."""
        self._observe()
        now = self._clock()
        if self._everything:
            hours = set(self._stale)
            return self._finished(self._overwrite(), hours, more=False)
        due = sorted(hour for hour in self._stale if now - self._refreshed.get(hour, -1e18) >= self._every)
        if not due:
            return None
        hours = set(due[:TASK_HOURS])
        result = self._replace(hours)
        return self._finished(result, hours, more=len(due) > len(hours))

    def rebuild(self, day: date) -> Result:
        """Computes all hours of one date anew from silver as it is now."""
        self._observe()
        if self._everything:
            return self._overwrite()
        return self._replace({(day, hour) for hour in range(24)})

    def rebuild_all(self) -> Result:
        """Computes the whole table anew from silver as it is now, in one commit."""
        self._observe()
        return self._overwrite()

    def dates(self) -> list[date]:
        """Every date that silver or the table itself has, sorted."""
        own = tables.snapshot_files(DeltaTable(str(self.path)), self.path, self.declared)
        return sorted({date.fromisoformat(f.partition) for f in (*self._silver(), *own) if f.partition})

    def _replace(self, hours: set[Hour]) -> Result:
        """Replaces these hours; others that are stale are noted as deferred."""
        silver = self._silver()
        inputs = {hour: [f for f in silver if _can_hold(f, hour)] for hour in hours}
        files = {file.path for chosen in inputs.values() for file in chosen}
        write = Replace(self.build.hour, tuple(sorted(hours)))
        result = self._run([f.path for f in silver if f.path in files], write, hours, _newest(inputs))
        self._note(hours)
        return result

    def _overwrite(self) -> Result:
        silver, hours = self._silver(), set(self._stale)
        result = self._run([file.path for file in silver], Overwrite(), hours, tables.newest_in(silver))
        self._note(hours)
        return result

    def _note(self, hours: set[Hour]) -> None:
        now = self._clock()
        self._refreshed = {hour: at for hour, at in self._refreshed.items() if now - at < self._every}
        self._refreshed |= dict.fromkeys(hours, now)

    def _run(self, files: Iterable[Path], write: Write, hours: set[Hour], newest: datetime | None) -> Result:
        position = self.position
        deferred = set() if isinstance(write, Overwrite) else self._stale - hours
        metadata: dict[str, Any] = {
            "source_version": self._seen,
            "deferred": [commits.hour_text(*hour) for hour in sorted(deferred)],
            "newest": newest.isoformat() if newest else position.metadata.get("newest"),
        }
        task = model_task(
            self.declared, self.path, self.upstream, files, write, after=position, metadata=metadata
        )
        self._position = None
        return self._engine.run(task)

    def _finished(self, result: Result, hours: set[Hour], *, more: bool) -> GoldRound:
        return GoldRound(
            table=self.declared.name,
            hours=len(hours),
            rows_out=result.rows_out,
            version=result.version,
            more=more,
        )

    def _observe(self) -> None:
        """Adds the hours that silver's new commits changed to the stale ones."""
        _ = self.position
        newest = delta_log.latest_version(self.upstream_path, self._seen)
        for version in range(self._seen + 1, newest + 1):
            commit = delta_log.read_commit(self.upstream_path, version)
            if commit is None:
                self._everything = True
                continue
            # Retention, compaction and restores say nothing of hours: they never count as changes.
            metadata = commits.metadata_of(commit.info) or {}
            self._stale |= {commits.parse_hour(text) for text in metadata.get("hours", ())}
        self._seen = newest

    def _silver(self) -> list[tables.DataFile]:
        """Silver's files at the version that has been observed."""
        if self._seen < 0:
            return []
        table = DeltaTable(str(self.upstream_path), version=self._seen)
        files = tables.snapshot_files(table, self.upstream_path, self.upstream)
        return sorted(files, key=lambda file: file.path)


def _can_hold(file: tables.DataFile, hour: Hour) -> bool:
    start, end = _bounds(hour)
    return file.partition == hour[0].isoformat() and file.touches(start, end)


def _bounds(hour: Hour) -> tuple[datetime, datetime]:
    """First and last microsecond of the hour."""
    start = datetime.combine(hour[0], time_of_day(hour[1]), UTC)
    return start, start + timedelta(hours=1, microseconds=-1)


def _newest(inputs: dict[Hour, list[tables.DataFile]]) -> datetime | None:
    """Newest event among the hours that are refreshed, as far as statistics tell."""
    found = [
        min(newest, _bounds(hour)[1])
        for hour, files in inputs.items()
        if (newest := tables.newest_in(files)) is not None
    ]
    return max(found, default=None)
