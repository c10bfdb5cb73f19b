"""The rounds of the medallion: every bronze table, every silver table, every gold table, once each.

A table that fails does not hold up the others. What was done and what is wrong stands in ``Rounds.status``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from msgspec import Struct, field

from contracts.errors import DependencyError, PlatformError
from contracts.settings import Settings
from lakehouse.datasets import (
    DATASETS,
    Dataset,
    FromChain,
    InsertNew,
    ReplaceDates,
    ReplaceHours,
    ReplaceKeys,
    Sessions,
    Versions,
    dataset,
)
from lakehouse.engine import Engine
from lakehouse.medallion.bronze import BronzeTable
from lakehouse.medallion.entities import EntityTable
from lakehouse.medallion.following import Follower
from lakehouse.medallion.gold import GoldTable
from lakehouse.medallion.quarantine import TABLE as QUARANTINE
from lakehouse.medallion.sessions import SessionTable
from lakehouse.medallion.silver import SilverTable
from lakehouse.openlineage import Reporter
from lakehouse.openlineage.engine import ToldEngine
from lakehouse.openlineage.landing import told_landing
from lakehouse.storage import delta_log, tables

SILVER_BUILDS: dict[type, type[Follower]] = {
    InsertNew: SilverTable,
    Sessions: SessionTable,
    Versions: EntityTable,
}

DEGRADED_AFTER = 3
"""A table that fails this many rounds in a row makes the driver degraded."""

log = logging.getLogger(__name__)


class Status(Struct):
    """What the driver tells of itself; replaced value by value, read by the heartbeat's thread."""

    total: int = 0
    """Rows taken into bronze since the start."""
    rounds: dict[str, dict[str, Any]] = field(default_factory=dict)
    newest: dict[str, str] = field(default_factory=dict)
    lag: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    """Table → rounds that failed in a row."""
    errors: dict[str, str] = field(default_factory=dict)
    """Table → its last error."""
    troubles: dict[str, list[str]] = field(default_factory=dict)
    """Bronze table → what holds its chains up."""
    set_aside: int = 0
    """Landing files set aside since the start."""

    def complaints(self) -> list[str]:
        """What makes the driver degraded; none: it is well."""
        failed = [
            f"{table} failed {times} rounds in a row: {self.errors.get(table, '')}"
            for table, times in sorted(self.failures.copy().items())
            if times >= DEGRADED_AFTER
        ]
        return failed + [text for table in sorted(self.troubles) for text in self.troubles[table]]

    def details(self) -> dict[str, Any]:
        """`details` of the heartbeat."""
        return {
            "newest": dict(self.newest),
            "rounds": dict(self.rounds),
            "lag": dict(self.lag),
            "failures": {table: times for table, times in self.failures.copy().items() if times},
            "set_aside": self.set_aside,
        }


class Rounds:
    """All tables and their engine. For one thread, which holds the lakehouse lock."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self.settings = settings
        self.status = Status()
        self._reporter = Reporter(settings)
        if self._reporter.enabled:
            engine = ToldEngine(engine, self._reporter)
        self.bronze_tables = [BronzeTable(settings, declared) for declared in _built_by(FromChain)]
        """Of all layers: what is appended as it landed."""
        self.silver_tables: list[Follower] = [
            SILVER_BUILDS[type(declared.build)](settings, declared, engine)
            for declared in _built_by(*SILVER_BUILDS)
        ]
        """What follows bronze at silver's cadence."""
        tables.create(settings, dataset(QUARANTINE))
        self.gold_tables = [
            GoldTable(settings, declared, engine)
            for declared in _built_by(ReplaceHours, ReplaceDates, ReplaceKeys)
        ]
        """What is computed from silver at gold's cadence, upstream before downstream."""
        self._engine = engine
        self._engine_gone = False
        self._newest: dict[str, datetime] = {}
        for bronze in self.bronze_tables:
            self._saw(bronze.declared, _newest_of(bronze.path, bronze.declared))
        for silver in self.silver_tables:
            self._saw(silver.declared, _newest_of(silver.path, silver.declared))
        for gold in self.gold_tables:
            self._saw_gold(gold)
        self._measure_lag()

    def close(self) -> None:
        for table in self.bronze_tables:
            table.close()
        self._reporter.close()

    def bronze(self, *, beside: bool = False) -> bool:
        """One round; whether more waits. ``beside``: another thread is in `silver` or `gold` meanwhile, whose
        tables are left alone."""
        return self._round("bronze", self.bronze_tables, self._take, lag=not beside)

    def silver(self) -> bool:
        """One round; whether more waits."""
        return self._round("silver", self.silver_tables, self._merge)

    def gold(self) -> bool:
        """One round; whether more is due."""
        return self._round("gold", self.gold_tables, self._refresh)

    def failing(self, *layers: str) -> int:
        """The longest row of failures among the tables of these rounds (`bronze`, `silver`, `gold`); of all
        where none is named."""
        by_layer: dict[str, Sequence[Any]] = {
            "bronze": self.bronze_tables,
            "silver": self.silver_tables,
            "gold": self.gold_tables,
        }
        names = [one.declared.name for layer in layers or by_layer for one in by_layer[layer]]
        return max((self.status.failures.get(name, 0) for name in names), default=0)

    def _round(
        self,
        layer: str,
        layer_tables: Iterable[Any],
        step: Callable[[Any], tuple[int, bool]],
        *,
        lag: bool = True,
    ) -> bool:
        started = time.perf_counter()
        rows, more = 0, False
        for table in layer_tables:
            name = table.declared.name
            try:
                if layer != "bronze" and self._engine_gone:
                    self._engine.warm_up()
                    self._engine_gone = False
                done, left = step(table)
            except PlatformError as error:
                self._failed(name, error)
                log.warning("round failed: %s", error, extra={"table": name})
                continue
            except Exception as error:
                self._failed(name, error)
                log.exception("round failed", extra={"table": name})
                continue
            self.status.failures[name] = 0
            rows += done
            more = more or left
        self.status.rounds[layer] = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "seconds": round(time.perf_counter() - started, 3),
            "rows": rows,
        }
        if lag:
            self._measure_lag()
        return more

    def _failed(self, name: str, error: Exception) -> None:
        times = self.status.failures.get(name, 0) + 1
        self.status.failures[name] = times
        self.status.errors[name] = (str(error) or type(error).__name__).splitlines()[0]
        if isinstance(error, DependencyError):
            self._engine_gone = True

    def _take(self, table: BronzeTable) -> tuple[int, bool]:
        name = table.declared.name
        with told_landing(self._reporter, table) as say:
            done = table.take()
            say(done)
        self.status.total += done.rows
        self.status.set_aside += sum(trouble.fresh for trouble in done.troubles)
        if done.troubles:
            self.status.troubles = {**self.status.troubles, name: [t.message for t in done.troubles]}
        elif name in self.status.troubles:
            rest = {other: texts for other, texts in self.status.troubles.items() if other != name}
            self.status.troubles = rest
        self._saw(table.declared, done.newest)
        return done.rows, done.more

    def _merge(self, table: Follower) -> tuple[int, bool]:
        done = table.advance()
        if done is None:
            return 0, False
        commit = delta_log.read_commit(table.path, done.version)
        added = tables.added_files(commit.added if commit else (), table.declared)
        self._saw(table.declared, tables.newest_in(added))
        return done.rows_out, done.more

    def _refresh(self, table: GoldTable) -> tuple[int, bool]:
        done = table.advance()
        if done is None:
            return 0, False
        self._saw_gold(table)
        return done.rows_out, done.more

    def _saw(self, declared: Dataset, newest: datetime | None) -> None:
        name = declared.name
        if newest is not None and (name not in self._newest or newest > self._newest[name]):
            self._newest[name] = newest
            self.status.newest[name] = newest.isoformat(timespec="milliseconds")

    def _saw_gold(self, table: GoldTable) -> None:
        text = table.position.metadata.get("newest")
        if text:
            self._saw(table.declared, datetime.fromisoformat(text))

    def _measure_lag(self) -> None:
        """Never fails: a table whose log cannot be read is left out, and its round reports why."""
        measures: dict[str, Callable[[], int]] = {}
        measures |= {f"{one.declared.name}_versions": one.behind for one in self.silver_tables}
        measures |= {f"{one.declared.name}_hours": one.stale for one in self.gold_tables}
        lag: dict[str, int] = {}
        for name, measure in measures.items():
            try:
                lag[name] = measure()
            except (OSError, ValueError, KeyError):
                log.warning("lag is unknown", exc_info=True, extra={"measure": name})
        self.status.lag = lag


def _built_by(*builds: type) -> list[Dataset]:
    """The datasets with such a build, upstream before downstream."""
    return [declared for declared in DATASETS.values() if isinstance(declared.build, builds)]


def _newest_of(path: Path, declared: Dataset) -> datetime | None:
    """Newest event time of the whole table, from its files' statistics."""
    return tables.newest_in(tables.snapshot_files(DeltaTable(str(path)), path, declared))
