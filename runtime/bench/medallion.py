"""What a silver merge costs, by the size of the day that it goes into, beside the same by hand.

Both sides get the same new events and have tables of their own, equal at the start. They take turns, so that
whatever else the machine does disturbs both.
"""

from __future__ import annotations

import shutil
import statistics
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec
from deltalake import write_deltalake
from msgspec import Struct

from contracts.settings import Settings
from lakehouse.datasets import Dataset, Sessions
from lakehouse.engine import Engine
from lakehouse.medallion.sessions import SessionTable
from lakehouse.medallion.silver import SilverTable
from lakehouse.storage import delta_log, tables
from runtime.bench.merge_tables import KINDS, LATE_DAYS, Kind

ByHand = Callable[[Path, Path, Sequence[Path]], object]
"""Takes into a silver table, from its bronze table, the newest rows, which are in these files (bronze's
columns, but for the date, which is in their path)."""


class Merges(Struct, frozen=True, kw_only=True):
    """Merges into one table. Seconds."""

    engine: str
    rows: str
    """`events` or `sessions`."""
    case: str
    """`newest`: the end of a day; `late`: spread over thirty days."""
    table_rows: int
    """Events; of sessions, the clicks that they are made of."""
    new_rows: int
    ours: list[float]
    by_hand: list[float]
    ours_cpu: list[float]
    """CPU time of this process, which other work on the machine disturbs less: all of the embedded engine's,
    none of Spark's."""
    by_hand_cpu: list[float]

    @property
    def medians(self) -> tuple[float, float]:
        """Ours, and by hand."""
        return statistics.median(self.ours), statistics.median(self.by_hand)

    @property
    def cpu_medians(self) -> tuple[float, float]:
        return statistics.median(self.ours_cpu), statistics.median(self.by_hand_cpu)

    @property
    def ratio(self) -> float:
        ours, by_hand = self.medians
        return round(ours / by_hand, 2)


def measure(
    settings: Settings,
    engine: Engine,
    by_hand: ByHand,
    *,
    rows: str,
    sizes: Sequence[int],
    new_rows: int,
    pairs: int,
    late: bool,
    told: Callable[[str], None],
) -> Iterator[Merges]:
    """One result for each size, and one of late events for the smallest. The engine stays open."""
    cases = [("newest", size) for size in sizes] + ([("late", min(sizes))] if late else [])
    for case, size in cases:
        root = settings.data_root / "bench" / f"medallion-{uuid.uuid4().hex[:8]}"
        paths = msgspec.structs.replace(settings.paths, data=str(root))
        own = msgspec.structs.replace(settings, paths=paths)
        try:
            told(f"{engine.name}, {rows}: making a table of {size:,} rows")
            sides = _case(own, engine, by_hand, KINDS[rows], case, size, new_rows, pairs)
        finally:
            shutil.rmtree(root, ignore_errors=True)
        # The first pair warmed both sides up.
        (ours, ours_cpu), (theirs, theirs_cpu) = (zip(*side[1:], strict=True) for side in sides)
        merges = Merges(
            engine=engine.name,
            rows=rows,
            case=case,
            table_rows=size,
            new_rows=new_rows,
            ours=list(ours),
            by_hand=list(theirs),
            ours_cpu=list(ours_cpu),
            by_hand_cpu=list(theirs_cpu),
        )
        own_seconds, hand_seconds = merges.medians
        told(f"{engine.name}, {rows}, {case}: {own_seconds:.2f} s, by hand {hand_seconds:.2f} s")
        yield merges


def _case(
    settings: Settings,
    engine: Engine,
    by_hand: ByHand,
    kind: Kind,
    case: str,
    size: int,
    new_rows: int,
    pairs: int,
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """For each side, (seconds, CPU seconds) of its merges."""
    path, source = tables.create(settings, kind.silver), tables.create(settings, kind.bronze)
    other = settings.data_root / "by-hand"
    days = 1 if case == "newest" else LATE_DAYS
    kind.fill(path, source, size, days)
    shutil.copytree(path, other)
    follow = SessionTable if isinstance(kind.silver.build, Sessions) else SilverTable
    table = follow(settings, kind.silver, engine)
    ours: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []
    for number in range(pairs + 1):
        write_deltalake(str(source), kind.new(size, new_rows, days, number), mode="append")
        files = _added(source)
        sides: list[tuple[list[tuple[float, float]], Callable[[], object]]] = [
            (ours, table.advance),
            (theirs, partial(by_hand, other, source, files)),
        ]
        for found, work in sides if number % 2 else reversed(sides):
            started, cpu_before = time.perf_counter(), time.process_time()
            work()
            cpu = time.process_time() - cpu_before
            found.append((round(time.perf_counter() - started, 3), round(cpu, 3)))
    _same(kind.silver, path, other)
    return ours, theirs


def _added(path: Path) -> list[Path]:
    """Files of the newest commit."""
    commit = delta_log.read_commit(path, delta_log.latest_version(path))
    assert commit is not None
    return [file.path for file in commit.added]


def _same(declared: Dataset, path: Path, other: Path) -> None:
    """Both sides did the same work, or the comparison says nothing."""
    import polars as pl

    keys = [
        pl.scan_delta(str(one)).select(declared.key).collect().sort(declared.key) for one in (path, other)
    ]
    if not keys[0].equals(keys[1]):
        raise AssertionError(f"the rows are others by hand: {keys[0].height:,} against {keys[1].height:,}")
