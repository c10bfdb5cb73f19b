"""How often a running platform commits each table, whether it keeps up, and what the driver costs.

Times are those of the tables' own commits; commits that change no row (maintenance) do not count. What has
gone since the last one counts as well where it is longer than all others, so that a driver that stands still
is seen.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from contracts.errors import DependencyError
from contracts.platform import landed_named
from contracts.settings import Settings
from lakehouse.datasets import DATASETS, Dataset, FromChain, ReplaceDates, ReplaceHours, ReplaceKeys, dataset
from lakehouse.medallion.chains import chain_files, discover
from lakehouse.storage import commits, delta_log, tables
from runtime.topology import leftovers

POLL_SECONDS = 1.0
DRIVER = "lakehouse-driver"
WORKERS = ("spark-worker-1", "spark-worker-2")
JITTER = 1.05
"""A round begins when its time has come and commits when its work is done: the mean interval may be so much
over the limit, and nineteen of twenty intervals half as long again."""
LATE = 1.5

Cadence = Literal["bronze", "silver", "gold"]


class Limits(Struct, frozen=True, kw_only=True):
    """Longest mean interval between two commits of a table, seconds."""

    bronze: float
    silver: float


LIMITS = {
    ("spark", False): Limits(bronze=15.0, silver=30.0),
    ("spark", True): Limits(bronze=30.0, silver=60.0),
    ("embedded", False): Limits(bronze=10.0, silver=20.0),
    ("embedded", True): Limits(bronze=10.0, silver=20.0),
}
"""By engine, and whether more than ``FAST_RATE`` events a second come in."""
FAST_RATE = 1_000.0


class TableCadence(Struct, frozen=True, kw_only=True):
    """One table's commits within the measurement. ``limit``: None where none is promised."""

    table: str
    cadence: Cadence
    commits: int
    rows: int
    """Rows that its commits added; of a table that is replaced in parts, written."""
    mean: float | None
    """Mean interval, seconds; None: it got no row, so that there was nothing to commit."""
    p95: float | None
    most: float | None
    limit: float | None
    behind_before: int | None
    """Rows that waited upstream (bronze: in landing; silver: in bronze) at the beginning; None: not asked."""
    behind_after: int | None
    """The same at the end."""
    behind_limit: int | None
    """What comes in within two of its intervals; None: no limit."""

    @property
    def met(self) -> bool | None:
        """None where nothing was promised."""
        if self.limit is None or self.mean is None or self.p95 is None:
            return None
        in_time = self.mean <= self.limit * JITTER and self.p95 <= self.limit * LATE
        kept_up = self.behind_limit is None or (self.behind_after or 0) <= self.behind_limit
        return in_time and kept_up


class Measured(Struct, frozen=True, kw_only=True):
    """A whole measurement."""

    engine: str
    seconds: float
    rate: float
    """Events a second that reached bronze, of all sources together."""
    driver_cores: float
    """Processor time of the driver (with its JVM) by wall time."""
    executor_cores: float
    """The same of the Spark workers and their executors."""
    tables: tuple[TableCadence, ...]

    @property
    def met(self) -> bool:
        return any(table.met for table in self.tables) and not any(t.met is False for t in self.tables)


class _Seen(Struct, frozen=True, kw_only=True):
    version: int
    behind: int | None


def measure(settings: Settings, *, seconds: float, progress: Callable[[str], None]) -> Measured:
    """Watches a running platform for ``seconds``; ``progress`` is told once a second how much is left.

    Raises DependencyError where no driver runs.
    """
    followed = list(_followed())
    before = {declared.name: _seen(settings, declared, kind) for declared, kind in followed}
    cpu = {name: cpu_seconds(settings, name) for name in (DRIVER, *WORKERS)}
    if not cpu[DRIVER]:
        raise DependencyError("no lakehouse driver runs here: is `dp up` running?")
    began = time.time()
    while (left := began + seconds - time.time()) > 0:
        progress(f"measuring: {left:.0f} s left")
        time.sleep(min(POLL_SECONDS, left))
    ended = time.time()
    used = {name: max(cpu_seconds(settings, name) - was, 0.0) for name, was in cpu.items()}
    after = {declared.name: _seen(settings, declared, kind) for declared, kind in followed}
    took = ended - began
    rows = {
        declared.name: _added(
            tables.path_of(settings, declared), before[declared.name].version, after[declared.name].version
        )
        for declared, _ in followed
    }
    rate = sum(rows[declared.name] for declared, kind in followed if kind == "bronze") / took
    limits = LIMITS[settings.lakehouse.engine, rate > FAST_RATE]
    measured = []
    for declared, kind in followed:
        first, last = before[declared.name], after[declared.name]
        times = commit_times(tables.path_of(settings, declared), first.version, last.version)
        found = intervals(times, began, ended)
        limit = {"bronze": limits.bronze, "silver": limits.silver, "gold": None}[kind]
        incoming = rows[_source_of(declared).name] / took if kind != "gold" else 0.0
        idle = not rows[declared.name] and not first.behind and not last.behind
        measured.append(
            TableCadence(
                table=declared.name,
                cadence=kind,
                commits=len([at for at in times if at >= began]),
                rows=rows[declared.name],
                mean=None if idle else round(sum(found) / len(found), 2),
                p95=None if idle else round(_rank(found, 0.95), 2),
                most=None if idle else round(max(found), 2),
                limit=settings.gold_seconds + 2 * limits.silver if kind == "gold" else limit,
                behind_before=first.behind,
                behind_after=last.behind,
                behind_limit=None if limit is None else round(2 * limit * incoming) + 1,
            )
        )
    return Measured(
        engine=settings.lakehouse.engine,
        seconds=round(took, 1),
        rate=round(rate, 1),
        driver_cores=round(used[DRIVER] / took, 3),
        executor_cores=round(sum(used[name] for name in WORKERS) / took, 3),
        tables=tuple(measured),
    )


def intervals(times: Sequence[float], began: float, ended: float) -> list[float]:
    """Seconds between one commit and the next; ``times`` may begin before ``began``. What has gone since the
    last one counts where it is longer than all others."""
    known = times or [began]
    found = [later - earlier for earlier, later in pairwise(known)]
    still = ended - known[-1]
    return [*found, still] if still > max(found, default=0.0) else found


def commit_times(path: Path, after: int, through: int) -> list[float]:
    """Unix seconds of the commits in (after, through] that took something in, and of the last one before."""
    times: list[float] = []
    txn: int | None = None
    for version in range(max(after, 0), through + 1):
        commit = delta_log.read_commit(path, version)
        metadata = commits.metadata_of(commit.info) if commit else None
        if commit is None or metadata is None or "txn" not in metadata:
            continue
        repeated = metadata["txn"] == txn
        txn = metadata["txn"]
        if not repeated:
            times.append(float(commit.info["timestamp"]) / 1000)
    return times


def cpu_seconds(settings: Settings, service: str) -> float:
    """Processor time that a service and its descendants have used so far; 0 where it does not run."""
    total = 0.0
    for pid in leftovers.find(str(settings.data_root), service):
        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
    return total


def waiting_in_landing(settings: Settings, declared: Dataset) -> int:
    """Rows of a bronze table's chains beyond what the table has. Reads footers only."""
    assert isinstance(declared.build, FromChain)
    path = tables.path_of(settings, declared)
    taken = (commits.last_metadata(path) or {}).get("chains", {})
    rows = 0
    for chain, folder in discover(settings, landed_named(declared.build.source)).items():
        for first, file in chain_files(folder):
            if first > taken.get(chain, -1):
                try:
                    rows += int(pq.read_metadata(file).num_rows)
                except (OSError, pa.ArrowException):
                    continue  # no landing file, or cleaned up this moment
    return rows


def waiting_in_bronze(settings: Settings, declared: Dataset) -> int:
    """Rows of its bronze table that a silver table has not read yet."""
    taken = (commits.last_metadata(tables.path_of(settings, declared)) or {}).get("source_version", -1)
    upstream = tables.path_of(settings, _source_of(declared))
    return _added(upstream, int(taken), delta_log.latest_version(upstream, int(taken)))


def _followed() -> Iterator[tuple[Dataset, Cadence]]:
    for declared in DATASETS.values():
        match declared.build:
            case FromChain():
                if declared.layer == "bronze":
                    yield declared, "bronze"
            case ReplaceHours() | ReplaceDates() | ReplaceKeys():
                yield declared, "gold"
            case _ if declared.model:
                yield declared, "silver"


def _source_of(declared: Dataset) -> Dataset:
    """The bronze table that feeds a silver table; a bronze table is its own."""
    return declared if declared.layer == "bronze" else dataset(declared.upstream[0])


def _seen(settings: Settings, declared: Dataset, kind: Cadence) -> _Seen:
    behind = None
    if kind == "bronze":
        behind = waiting_in_landing(settings, declared)
    elif kind == "silver":
        behind = waiting_in_bronze(settings, declared)
    version = delta_log.latest_version(tables.path_of(settings, declared))
    return _Seen(version=version, behind=behind)


def _added(path: Path, after: int, through: int) -> int:
    return sum(
        file.rows
        for commit in delta_log.commits_between(path, after, through)
        if commit is not None
        for file in commit.added
        if file.data_change
    )


def _rank(values: Iterable[float], share: float) -> float:
    """The nearest rank."""
    ranked = sorted(values)
    return ranked[max(math.ceil(len(ranked) * share) - 1, 0)]
