"""Tables that are computed from silver, at gold's cadence: what upstream commits have changed is computed
anew and replaced, by hours, by dates or by keys as the table's build says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable
from msgspec import Struct

from contracts.settings import Settings
from lakehouse.datasets import Dataset, Feed, ReplaceDates, ReplaceHours, ReplaceKeys
from lakehouse.engine import Engine, Input, Overwrite, Replace, Result, Upsert, Write
from lakehouse.medallion import extremes
from lakehouse.medallion.parameters import parameters
from lakehouse.medallion.tasks import files_of, model_task
from lakehouse.medallion.upstreams import Upstream, started
from lakehouse.storage import commits, tables
from lakehouse.storage.position import Position, position_of
from lakehouse.storage.tables import DataFile

TASK_SLICES = 31 * 24
"""Most hours or dates that one task replaces; more of them follow in the next."""

Slice = tuple[date, int] | tuple[date] | tuple[()]
"""An hour, a date, or (by keys) the whole table."""

WHOLE: Slice = ()


class GoldRound(Struct, frozen=True, kw_only=True):
    """One task's outcome."""

    table: str
    hours: int
    """Hours, dates or (by keys) tables that were refreshed."""
    rows_out: int
    version: int
    more: bool
    """Whether slices that are due were left for the next task."""


def utc_today() -> date:
    return datetime.now(UTC).date()


class GoldTable:
    """A table that is built by ReplaceHours, ReplaceDates or ReplaceKeys.

    A slice that went stale is refreshed at once if it has not been within the last ``gold_seconds``, else
    when they have passed. Slices that wait stand in the commit's metadata (`deferred`), so that a restart
    knows them. A table that reads what its upstreams added takes all of that in one task.
    """

    def __init__(
        self,
        settings: Settings,
        declared: Dataset,
        engine: Engine,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], date] = utc_today,
    ) -> None:
        assert isinstance(declared.build, ReplaceHours | ReplaceDates | ReplaceKeys)
        self.declared = declared
        self.build: ReplaceHours | ReplaceDates | ReplaceKeys = declared.build
        self.path: Path = tables.create(settings, declared)
        self._settings = settings
        self._upstreams = {
            feed.dataset: Upstream(settings, feed.dataset)
            for feed in self.build.feeds
            if feed.dataset != declared.name
        }
        self._engine = engine
        self._every = settings.gold_seconds
        self._clock = clock
        self._today = today
        self._position: Position | None = None
        self._stale: set[Slice] = set()
        self._everything = False
        self._refreshed: dict[Slice, float] = {}
        self._additive = any(feed.take in ("added", "removed", "changed") for feed in self.build.feeds)

    @property
    def position(self) -> Position:
        if self._position is None:
            self._position = position = position_of(self.path, self.declared)
            started(self._upstreams, position.source_versions, position.source_version)
            self._stale = {_parse(text) for text in position.metadata.get("deferred", ())}
            self._everything = False
        return self._position

    def stale(self) -> int:
        """How many slices wait to be refreshed."""
        self._observe()
        return len(self._stale)

    def advance(self, *, at_once: bool = False) -> GoldRound | None:
        """Refreshes the slices that are due (``at_once``: all that are stale), in one commit; None: none is.
        After an error the position is read anew."""
        self._observe()
        if self._everything:
            slices = set(self._stale)
            return self._finished(self._overwrite(), slices, more=False)
        now = self._clock()
        due = sorted(
            one for one in self._stale if at_once or now - self._refreshed.get(one, -1e18) >= self._every
        )
        if self._additive:
            due = sorted(self._stale) if len(due) == len(self._stale) else []
        if not due:
            return None
        slices = set(due) if self._additive else set(due[:TASK_SLICES])
        result = self._replace(slices)
        return self._finished(result, slices, more=len(due) > len(slices))

    def complete_from(self) -> date | None:
        """The first date that can be computed from its upstreams as they are: retention has removed rows that
        earlier ones are made of, so those stay as they are. None: every date can."""
        self._observe()
        return self._complete_from()

    def _complete_from(self) -> date | None:
        found = [
            upstream.retained - timedelta(days=min(feed.days))
            for feed in self.build.feeds
            if (upstream := self._upstreams.get(feed.dataset)) and upstream.retained
        ]
        return max(found, default=None)

    def rebuild(self, day: date) -> Result:
        """Computes one date anew from its upstreams as they are now; by keys: the whole table."""
        self._observe()
        match self.build:
            case ReplaceHours() if not self._everything:
                return self._replace({(day, hour) for hour in range(24)})
            case ReplaceDates() if not self._everything:
                return self._replace({(day,), *(self._stale if self._additive else ())}, anew=True)
            case _:
                return self._overwrite()

    def rebuild_all(self) -> Result:
        """Computes the whole table anew from its upstreams as they are now, in one commit."""
        self._observe()
        return self._overwrite()

    def dates(self) -> list[date]:
        """Every date that its first upstream or the table itself has, sorted."""
        own = tables.snapshot_files(DeltaTable(str(self.path)), self.path, self.declared)
        self._observe()
        files = [*next(iter(self._upstreams.values())).files(), *own]
        return sorted({day for file in files if (day := _date_of(file.partition)) is not None})

    def _observe(self) -> None:
        """Adds what upstream commits, and the clock, made stale."""
        position = self.position
        for name, upstream in self._upstreams.items():
            hours, dates, news = upstream.observe()
            self._everything = self._everything or upstream.lost
            for feed in self.build.feeds:
                if feed.dataset == name and feed.stale:
                    self._stale |= self._made_stale(feed, hours, dates, news)
        self._closed(position)
        if (first := self._complete_from()) is not None:
            self._stale = {one for one in self._stale if not one or one[0] >= first}

    def _made_stale(
        self, feed: Feed, hours: set[tuple[date, int]], dates: set[date], news: bool
    ) -> set[Slice]:
        match self.build:
            case ReplaceHours():
                return set(hours)
            case ReplaceDates():
                return {(day + timedelta(days=shift),) for day in dates for shift in feed.stale}
            case _:
                return {WHOLE} if news and feed.take != "all" else set()

    def _closed(self, position: Position) -> None:
        """Days that have ended since the newest commit."""
        told = position.metadata.get("as_of")
        if told is None:
            return
        ended, today = date.fromisoformat(told), self._today()
        if isinstance(self.build, ReplaceKeys):
            self._everything = self._everything or (self.build.daily and ended < today)
            return
        if isinstance(self.build, ReplaceDates):
            while ended < today:
                self._stale |= {(ended + timedelta(days=shift),) for shift in self.build.closing}
                ended += timedelta(days=1)

    def _replace(self, slices: set[Slice], *, anew: bool = False) -> Result:
        """Replaces these slices; others that are stale are noted as deferred."""
        if any(upstream.gone() for upstream in self._upstreams.values()) and self._additive:
            anew = True
        anew = anew or self._changed_in_place() or self._extremes_lost()
        if isinstance(self.build, ReplaceKeys):
            if anew:
                return self._overwrite()
            own = tables.snapshot_files(DeltaTable(str(self.path)), self.path, self.declared)
            write: Write = Upsert(key=self.declared.key, files=tuple(file.path for file in own))
        elif isinstance(self.build, ReplaceHours):
            write = Replace(self.build.hour, tuple(sorted(slices)))
        else:
            write = Replace((self.build.date,), tuple(sorted(slices)))
        result = self._run(write, slices, anew=anew)
        self._note(slices)
        return result

    def _changed_in_place(self) -> bool:
        """Whether rows were replaced in an upstream of which only additions are read."""
        removed = {feed.dataset for feed in self.build.feeds if feed.take == "removed"}
        return any(
            feed.take == "added" and feed.dataset not in removed and self._upstreams[feed.dataset].replaced
            for feed in self.build.feeds
        )

    def _extremes_lost(self) -> bool:
        """Whether rows were removed that had the least or greatest value of their key on a date."""
        for feed in self.build.feeds:
            if feed.extremes is None:
                continue
            upstream = self._upstreams[feed.dataset]
            keys = [name for name in self.declared.key if name in upstream.declared.schema.names]
            if extremes.lost(upstream.replaced, [file.path for file in upstream.added], keys, *feed.extremes):
                return True
        return False

    def _overwrite(self) -> Result:
        """All that can be computed; what is older stays."""
        slices = set(self._stale)
        write: Write = Overwrite()
        first = self._complete_from()
        if first is not None and not isinstance(self.build, ReplaceKeys):
            slices = {(day,) for day in self.dates() if day >= first}
            column = self.build.date if isinstance(self.build, ReplaceDates) else self.build.hour[0]
            write = Replace((column,), tuple(sorted(slices)))
        result = self._run(write, slices, anew=True)
        self._note(slices)
        return result

    def _note(self, slices: set[Slice]) -> None:
        now = self._clock()
        self._refreshed = {one: at for one, at in self._refreshed.items() if now - at < self._every}
        self._refreshed |= dict.fromkeys(slices, now)

    def _run(self, write: Write, slices: set[Slice], *, anew: bool) -> Result:
        position = self.position
        everything = isinstance(write, Overwrite)
        files = {name: upstream.files() for name, upstream in self._upstreams.items()}
        inputs = [
            self._input(feed, files.get(feed.dataset, []), slices, anew=anew, everything=everything)
            for feed in self.build.feeds
        ]
        newest = self._newest(files, slices, everything)
        deferred = set() if everything else {one for one in self._stale if not {one, one[:1]} & slices}
        first = next(iter(self._upstreams.values()))
        metadata: dict[str, Any] = {
            "source_version": first.seen,
            "source_versions": {name: upstream.seen for name, upstream in self._upstreams.items()},
            "deferred": [_text(one) for one in sorted(deferred)],
            "newest": newest.isoformat() if newest else position.metadata.get("newest"),
            "as_of": self._today().isoformat(),
        }
        if not isinstance(self.build, ReplaceHours):
            changed = self.dates() if everything else [one[0] for one in slices if one]
            metadata["dates"] = sorted({day.isoformat() for day in changed})
        task = model_task(
            self.declared,
            self.path,
            [*inputs, parameters(self._settings, self._today())],
            write,
            after=position,
            metadata=metadata,
        )
        self._position = None
        return self._engine.run(task)

    def _input(
        self, feed: Feed, files: list[DataFile], slices: set[Slice], *, anew: bool, everything: bool
    ) -> Input:
        upstream = self._upstreams.get(feed.dataset)
        declared = upstream.declared if upstream else self.declared
        chosen: Iterable[Path]
        match feed.take:
            case "stored":
                own = [] if anew else tables.snapshot_files(DeltaTable(str(self.path)), self.path, declared)
                wanted = {one[0].isoformat() for one in slices if one}
                chosen = [file.path for file in own if not wanted or file.partition in wanted]
            case "removed":
                assert upstream is not None
                chosen = [] if anew else upstream.replaced
            case "added" if not anew:
                assert upstream is not None
                chosen = [file.path for file in upstream.added]
            case "changed" if not anew:
                assert upstream is not None
                days = {day.isoformat() for day in upstream.dates}
                chosen = [file.path for file in files if file.partition in days]
            case "added" | "changed" | "slice" if slices != {WHOLE} and not everything:
                reach = [_moved(one, days) for one in slices for days in feed.days]
                chosen = [file.path for file in files if any(_can_hold(declared, file, r) for r in reach)]
            case _:
                chosen = [file.path for file in files]
        return files_of(declared, chosen, feed.name)

    def _newest(
        self, files: dict[str, list[DataFile]], slices: set[Slice], everything: bool
    ) -> datetime | None:
        """Newest event in what is refreshed, as far as statistics tell."""
        name, upstream = next(iter(self._upstreams.items()))
        if everything or not isinstance(self.build, ReplaceHours):
            return tables.newest_in(files[name])
        found = [
            min(newest, _bounds(one)[1])
            for one in slices
            if (
                newest := tables.newest_in(
                    file for file in files[name] if _can_hold(upstream.declared, file, one)
                )
            )
        ]
        return max(found, default=None)

    def _finished(self, result: Result, slices: set[Slice], *, more: bool) -> GoldRound:
        return GoldRound(
            table=self.declared.name,
            hours=len(slices),
            rows_out=result.rows_out,
            version=result.version,
            more=more,
        )


def _can_hold(declared: Dataset, file: DataFile, one: Slice) -> bool:
    """Whether a file can hold rows of the hour or date."""
    if not one:
        return True
    by_date = declared.partition and pa.types.is_date(declared.schema.field(declared.partition).type)
    if by_date and file.partition != one[0].isoformat():
        return False
    return file.touches(*_bounds(one))


def _bounds(one: Slice) -> tuple[datetime, datetime]:
    """First and last microsecond of the hour or date."""
    match one:
        case (day, hour):
            start = datetime.combine(day, time_of_day(hour), UTC)
            return start, start + timedelta(hours=1, microseconds=-1)
        case (day,):
            start = datetime.combine(day, time_of_day(), UTC)
            return start, start + timedelta(days=1, microseconds=-1)
    return datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def _moved(one: Slice, days: int) -> Slice:
    if not one:
        return one
    moved = one[0] + timedelta(days=days)
    return (moved, one[1]) if len(one) == 2 else (moved,)


def _text(one: Slice) -> str:
    match one:
        case (day, hour):
            return commits.hour_text(day, hour)
        case (day,):
            return day.isoformat()
    return ""


def _parse(text: str) -> Slice:
    if not text:
        return WHOLE
    return commits.parse_hour(text) if "T" in text else (date.fromisoformat(text),)


def _date_of(partition: str | None) -> date | None:
    try:
        return date.fromisoformat(partition) if partition else None
    except ValueError:
        return None
