"""One run of checks: which tables, one after the other, and at the end one file of results in landing."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime

import duckdb

from contracts.errors import NotFound, SettingsError
from contracts.settings import Settings
from lakehouse.datasets import DATASETS, Dataset, FromChain, Layer
from lakehouse.datasets.nearest import unknown
from lakehouse.datasets.stream import STREAM
from lakehouse.quality import balance, columns, freshness, hours, keys, results, rows, sums, wording
from lakehouse.quality.extent import Days
from lakehouse.quality.findings import Finding
from lakehouse.quality.look import Look, Table
from lakehouse.quality.session import session

TABLES: dict[str, Dataset] = {declared.name: declared for declared in STREAM} | DATASETS

log = logging.getLogger(__name__)


class Checking:
    """The tables of a run. ``of`` checks one; ``record`` makes what was found known."""

    def __init__(self, look: Look, names: Sequence[str]) -> None:
        self.tables = list(names)
        """Upstream before downstream."""
        self.findings: list[Finding] = []
        self.run_id = look.run_id
        self.checked_at = look.now
        self._look = look

    def of(self, name: str) -> list[Finding]:
        """What is to be said of a table; nothing where it has not been written yet."""
        try:
            found = self._of(name)
        except (duckdb.Error, OSError):
            # The stream's files may be compacted away meanwhile: look again, once.
            try:
                found = self._of(name)
            except (duckdb.Error, OSError) as error:
                found = [self._unreadable(name, error)]
        self.findings += found
        return found

    def record(self) -> None:
        """Durable when it returns. Raises OSError where the disk refuses."""
        if self.findings:
            results.record(self._look.settings, self.findings)

    def _of(self, name: str) -> list[Finding]:
        table = self._look.table(name)
        if table is None:
            return []
        table.open()
        return list(_all_of(table))

    def _unreadable(self, name: str, error: Exception) -> Finding:
        log.warning("a table cannot be checked", exc_info=error, extra={"table": name})
        table = self._look.table(name)
        reason = (str(error) or type(error).__name__).splitlines()[0]
        return Finding(
            run_id=self._look.run_id,
            checked_at=self._look.now,
            table=name,
            rule="readable",
            severity="fail",
            passed=False,
            rows_checked=(table.snapshot.rows or 0) if table else 0,
            rows_failed=1,
            message=f"{name} cannot be read: {reason}",
        )


def _all_of(table: Table) -> Iterator[Finding]:
    footers = columns.footers(table)
    table.rows = footers.rows
    yield from columns.findings(table, footers)
    yield from rows.scan(table, footers)
    yield table.finding(
        "readable", "fail", f"{table.name} can be read: {wording.every(footers.files, 'file')}"
    )
    yield from keys.findings(table)
    yield from hours.findings(table)
    yield from _passed_over(table)
    yield from balance.findings(table)
    yield from sums.findings(table)
    yield from freshness.findings(table)


def _passed_over(table: Table) -> Iterator[Finding]:
    """Chains that went on without a file that was set aside."""
    if not isinstance(table.declared.build, FromChain) or table.position is None:
        return
    gaps = table.position.gaps
    said = f"{table.name} has passed over nothing in landing"
    if gaps:
        told = wording.some([f"{first} to {last} of {chain}" for chain, first, last in gaps])
        said = f"{table.name} has passed over offsets of files that were set aside: {told}"
    lost = sum(last - first + 1 for _, first, last in gaps)
    yield table.finding("chains_whole", "fail", said, failed=lost)


@contextmanager
def checking(
    settings: Settings,
    *,
    tables: Sequence[str] = (),
    layer: Layer | None = None,
    from_: date | None = None,
    to: date | None = None,
    datasets: Mapping[str, Dataset] = TABLES,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Iterator[Checking]:
    """A run over these tables (default: all that there are), of these UTC dates (default: all).

    Raises NotFound with the names that are near, or for a table that is named and not there yet, and
    SettingsError for dates that are no range.
    """
    for name in tables:
        if name not in datasets:
            raise unknown("table", name, datasets)
    if from_ and to and from_ > to:
        raise SettingsError(f"--from {from_} is after --to {to}")
    wanted = [
        name
        for name, declared in datasets.items()
        if (not tables or name in tables) and layer in (None, declared.layer)
    ]
    with session(settings) as connection:
        look = Look(settings, connection, datasets, Days(from_, to), run_id=uuid.uuid4().hex, now=clock())
        for name in tables:
            if look.snapshots.get(name) is None:
                raise NotFound(f"table {name} has not been written yet")
        yield Checking(look, wanted)


def check(
    settings: Settings,
    *,
    tables: Sequence[str] = (),
    layer: Layer | None = None,
    from_: date | None = None,
    to: date | None = None,
    record: bool = True,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[Finding]:
    """Runs every rule of these tables, as ``checking`` does, and records what it finds unless told not to."""
    with checking(settings, tables=tables, layer=layer, from_=from_, to=to, clock=clock) as run:
        for name in run.tables:
            run.of(name)
        if record:
            run.record()
        return run.findings
