"""What checks cost: a full pass over one table, and what the rules add to a silver run."""

from __future__ import annotations

import os
import shutil
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import msgspec
import numpy as np
import pyarrow as pa
from deltalake import CommitProperties, write_deltalake
from msgspec import Struct, structs

from contracts.settings import Settings
from lakehouse.embedded import EmbeddedEngine
from lakehouse.medallion.silver import SilverTable
from lakehouse.quality import check
from lakehouse.storage import commits, tables
from runtime.bench.merge_tables import CHUNK, DAY_MICROS, Events

DAYS = 7
LIMIT_SECONDS = 3.0
LIMIT_SHARE = 0.1

_EVENTS = Events()


class Pass(Struct, frozen=True, kw_only=True):
    """Full checks of app_events_silver, one after the other. Seconds."""

    rows: int
    duplicates: int
    """Rows that bronze has besides, spread over all hours."""
    rules: int
    failed: list[str]
    """Rules that do not hold: none is to."""
    seconds: list[float]
    cpu: list[float]

    @property
    def met(self) -> bool:
        return statistics.median(self.seconds) < LIMIT_SECONDS and not self.failed


class Inline(Struct, frozen=True, kw_only=True):
    """Silver runs of equal events with the table's rules and without, in pairs. Seconds."""

    rows: int
    new_rows: int
    with_rules: list[float]
    without: list[float]
    with_rules_cpu: list[float]
    without_cpu: list[float]

    @property
    def shares(self) -> tuple[float, float]:
        """What the rules add, by the clock and in CPU time: medians of the pairs' differences, as a share of
        the median run without."""
        return (
            _added(self.with_rules, self.without),
            _added(self.with_rules_cpu, self.without_cpu),
        )

    @property
    def met(self) -> bool:
        return self.shares[1] < LIMIT_SHARE


def full_pass(
    settings: Settings, *, rows: int, duplicate_share: float, times: int, told: Callable[[str], None]
) -> Pass:
    """Makes bronze and silver, and checks silver ``times`` times."""
    with _root(settings) as own:
        told(f"making {rows:,} rows of bronze and silver, {duplicate_share:.0%} of bronze twice")
        again = _fill_both(own, rows, duplicate_share)
        seconds: list[float] = []
        cpu: list[float] = []
        findings = []
        for number in range(times):
            started, cpu_before = time.perf_counter(), time.process_time()
            findings = check(own, tables=("app_events_silver",), record=False)
            cpu.append(round(time.process_time() - cpu_before, 2))
            seconds.append(round(time.perf_counter() - started, 2))
            told(f"check {number + 1}: {seconds[-1]:.2f} s, {cpu[-1]:.2f} s of CPU")
        return Pass(
            rows=rows,
            duplicates=again,
            rules=len(findings),
            failed=[one.rule for one in findings if not one.passed and one.rule != "freshness"],
            seconds=seconds,
            cpu=cpu,
        )


def inline(
    settings: Settings, *, rows: int, new_rows: int, pairs: int, told: Callable[[str], None]
) -> Inline:
    """Silver runs in turns, each side with a table of its own; the first pair warms up."""
    declared = _EVENTS.silver
    with _root(settings) as one, _root(settings) as other:
        engine = EmbeddedEngine(settings)
        try:
            sides = []
            for own, target in ((one, declared), (other, structs.replace(declared, rules=()))):
                silver, bronze = tables.create(own, declared), tables.create(own, _EVENTS.bronze)
                _EVENTS.fill(silver, bronze, rows, 1)
                sides.append((bronze, SilverTable(own, target, engine)))
            found: list[tuple[list[float], list[float]]] = [([], []), ([], [])]
            for number in range(pairs + 1):
                fresh = _EVENTS.new(rows, new_rows, 1, number)
                for bronze, _ in sides:
                    write_deltalake(str(bronze), fresh, mode="append")
                for side in (0, 1) if number % 2 else (1, 0):
                    started, cpu_before = time.perf_counter(), time.process_time()
                    sides[side][1].advance()
                    found[side][1].append(time.process_time() - cpu_before)
                    found[side][0].append(time.perf_counter() - started)
                told(f"pair {number}: {found[0][0][-1]:.3f} s with rules, {found[1][0][-1]:.3f} s without")
        finally:
            engine.close()
    return Inline(
        rows=rows,
        new_rows=new_rows,
        with_rules=found[0][0][1:],
        without=found[1][0][1:],
        with_rules_cpu=found[0][1][1:],
        without_cpu=found[1][1][1:],
    )


def load() -> float:
    """What else the machine does: the load average of the last minute."""
    return round(os.getloadavg()[0], 1)


def _added(more: list[float], less: list[float]) -> float:
    differences = [one - other for one, other in zip(more, less, strict=True)]
    return round(statistics.median(differences) / statistics.median(less), 4)


@contextmanager
def _root(settings: Settings) -> Iterator[Settings]:
    """A data root of its own, gone at the end."""
    root = settings.data_root / "bench" / f"quality-{uuid.uuid4().hex[:8]}"
    try:
        yield msgspec.structs.replace(settings, paths=msgspec.structs.replace(settings.paths, data=str(root)))
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _fill_both(settings: Settings, rows: int, duplicate_share: float) -> int:
    """Bronze with every event, some twice, and silver with each once; returns how many came twice."""
    silver, bronze = tables.create(settings, _EVENTS.silver), tables.create(settings, _EVENTS.bronze)
    chance = np.random.default_rng(1)
    again = 0
    for number, start in enumerate(range(0, rows, CHUNK)):
        ids = np.arange(start, min(start + CHUNK, rows))
        at = (ids / rows * DAYS * DAY_MICROS).astype("int64")
        twice = np.flatnonzero(chance.random(len(ids)) < duplicate_share)
        again += len(twice)
        landed = _EVENTS.rows(_EVENTS.bronze, np.append(at, at[twice]), np.append(ids, ids[twice]), DAYS)
        offsets = np.append(ids, rows + ids[twice])
        place = landed.schema.get_field_index("source_offset")
        landed = landed.set_column(place, landed.schema.field(place), [offsets])
        loaded = {"loaded": datetime.now(UTC).isoformat(), "txn": number + 1}
        _append(str(bronze), landed, "event_date", loaded)
        kept = _EVENTS.rows(_EVENTS.silver, at, ids, DAYS)
        _append(str(silver), kept, "event_date", {"source_version": number + 1, "txn": number + 1})
    return again


def _append(path: str, rows: pa.Table, partition: str, metadata: dict[str, object]) -> None:
    write_deltalake(
        path,
        rows,
        mode="append",
        partition_by=[partition],
        commit_properties=CommitProperties(custom_metadata=commits.as_custom_metadata(metadata)),
    )
