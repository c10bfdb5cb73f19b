"""Which step of maintenance is next. The driver's loop takes one whenever its rounds leave time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

from contracts.errors import ConflictError
from contracts.settings import Settings
from contracts.view_lock import rewriting
from lakehouse.audit import UNRECORDED, Recorder
from lakehouse.datasets import DATASETS, Dataset
from lakehouse.maintenance import landing, logs, views
from lakehouse.maintenance.tables import Work, due, rewrite, vacuum
from lakehouse.medallion.bronze import BronzeTable
from lakehouse.medallion.rounds import Rounds
from lakehouse.retention import removal, view_days
from lakehouse.retention.plan import plan
from lakehouse.storage import tables
from lakehouse.storage.delta_log import latest_version

VACUUM_SECONDS = 24 * 3600.0
"""Each table is vacuumed so often."""

log = logging.getLogger(__name__)


class Maintenance:
    """Steps of some seconds at most, in turns. For the driver's thread."""

    def __init__(
        self,
        settings: Settings,
        rounds: Rounds,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        audit: Recorder = UNRECORDED,
    ) -> None:
        self.done = 0
        """Steps that changed something, since the start."""
        self.failed = 0
        self._settings = settings
        self._rounds = rounds
        self._audit = audit
        self._clock = clock
        self._now = now
        self._every = float(settings.lakehouse.maintenance_seconds)
        self._steps: Iterator[Callable[[], bool]] | None = None
        # The first pass comes when the platform has settled.
        self._next_pass = clock() + self._every
        self._began = clock()
        self._vacuumed: dict[str, float] = {}
        self._retained_on: date | None = None
        """Day of the last pass that removed what is past its retention."""
        self._hurry = False
        """Whether the pass that goes on should be followed by another at once."""

    def due_in(self) -> float:
        """Seconds until the next step; 0: now."""
        return 0.0 if self._steps is not None else max(self._next_pass - self._clock(), 0.0)

    def step(self) -> None:
        """Does the next step, if one is due. An error is logged and counted, and the next step is another."""
        if self.due_in() > 0:
            return
        if self._steps is None:
            self._steps = self._pass()
        action = next(self._steps, None)
        if action is None:
            self._steps = None
            self._next_pass = self._clock() + (0.0 if self._hurry else self._every)
            self._hurry = False
            return
        try:
            self.done += action()
        except Exception:
            self.failed += 1
            log.exception("a step of maintenance failed; it is tried again in the next pass")

    def _pass(self) -> Iterator[Callable[[], bool]]:
        now = self._now()
        if self._retained_on != now.date():
            self._retained_on = now.date()
            for name, declared in DATASETS.items():
                if declared.retention is not None:
                    yield partial(self._retain, name, now)
            for gone in view_days.past(self._settings, now):
                yield partial(self._remove_day, gone)
        for declared in DATASETS.values():
            path = tables.path_of(self._settings, declared)
            if latest_version(path) < 0:
                continue
            for work in due(path, declared, now):
                yield partial(self._rewrite, path, declared, work)
            if self._clock() - self._vacuumed.setdefault(declared.name, self._began) >= VACUUM_SECONDS:
                yield partial(self._vacuum, path, declared)
            if logs.superfluous(path, now):
                yield partial(self._thin, path)
        for bronze in self._rounds.bronze_tables:
            yield partial(self._clean, bronze)
        for folder in views.folders(self._settings):
            if folder.replaced:
                yield partial(self._remove, folder)
            if views.wants_compaction(folder, now):
                yield partial(self._compact, folder)

    def _retain(self, name: str, now: datetime) -> bool:
        path = tables.path_of(self._settings, DATASETS[name])
        if latest_version(path) < 0:
            return False
        planned = plan(self._settings, DATASETS[name], now)
        done = removal.remove(self._settings, DATASETS[name], planned)
        forget(self._rounds, name)
        return done

    def _remove_day(self, gone: view_days.ViewDay) -> bool:
        return view_days.remove(self._settings, gone)

    def _rewrite(self, path: Path, declared: Dataset, work: Work) -> bool:
        rewrite(path, declared, work)
        forget(self._rounds, declared.name)
        return True

    def _vacuum(self, path: Path, declared: Dataset) -> bool:
        removed = vacuum(path, declared, dry_run=False)
        self._vacuumed[declared.name] = self._clock()
        forget(self._rounds, declared.name)
        return bool(removed)

    def _thin(self, path: Path) -> bool:
        return self._removed("maintenance.log", path.name, logs.thin(path, self._now()))

    def _clean(self, bronze: BronzeTable) -> bool:
        cleaned = landing.clean(self._settings, bronze)
        return self._removed("maintenance.landing", bronze.declared.name, cleaned)

    def _remove(self, folder: views.Folder) -> bool:
        removed = views.remove_replaced(folder)
        return self._removed("maintenance.view", folder.view, removed, date=folder.day.isoformat())

    def _removed(self, action: str, subject: str, files: int, **details: str) -> bool:
        """What the tables' own logs do not tell of."""
        if files:
            self._audit.record(action, subject=subject, details={**details, "files_deleted": files})
        return files > 0

    def _compact(self, folder: views.Folder) -> bool:
        """Again and again while the folder has too many files: each time some hundred become one. Where
        another process rewrites the view, the next pass will do."""
        try:
            with rewriting(self._settings, folder.view):
                made = views.compact(folder, self._settings) is not None
        except ConflictError as error:
            log.info("a view is not compacted now: %s", error)
            return False
        if made:
            day = folder.day.isoformat()
            self._audit.record("maintenance.compact", subject=folder.view, details={"date": day})
        if made and len(folder.live) > views.MOST_FILES:
            self._hurry = True
        return made


def forget(rounds: Rounds, table: str) -> None:
    """Tells who keeps a handle of the table that it has been written to."""
    for bronze in rounds.bronze_tables:
        if bronze.declared.name == table:
            bronze.forget()
