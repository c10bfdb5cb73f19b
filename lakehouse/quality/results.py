"""Results of checks as rows: written to landing by whoever checks, read from there and from the table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from contracts.platform import PLATFORM_LANDING, RESULTS
from contracts.settings import Settings
from lakehouse.datasets import Severity
from lakehouse.medallion import platform_landing
from lakehouse.quality.findings import Finding, score
from lakehouse.reading import platform_rows
from lakehouse.reading.platform_rows import Followed
from lakehouse.reading.snapshots import Snapshots

DATES = 7
"""So many of the newest dates with checks are looked at for the newest of each table."""


class Result(Struct, frozen=True, kw_only=True):
    """What a run said of one rule."""

    rule: str
    severity: Severity
    passed: bool
    rows_checked: int
    rows_failed: int
    message: str | None


class Checked(Struct, frozen=True, kw_only=True):
    """What a run said of one table."""

    run_id: str
    checked_at: datetime
    results: list[Result]

    @property
    def score(self) -> float:
        return score(self.results)


def record(settings: Settings, findings: Sequence[Finding]) -> None:
    """One file in landing, durable when it returns. Raises OSError where the disk refuses."""
    schema = PLATFORM_LANDING[RESULTS.name]
    rows = [
        {name: getattr(one, "table" if name == "dataset" else name) for name in schema.names}
        for one in findings
    ]
    platform_landing.append(settings, RESULTS.name, pa.Table.from_pylist(rows, schema))


def by_table(rows: Iterable[dict[str, Any]]) -> dict[str, list[Checked]]:
    """The runs of each table, the newest first. A rule counts once a run, however often its row comes."""
    known: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for row in rows:
        known.setdefault((row["dataset"], row["run_id"]), {})[row["rule"]] = row
    found: dict[str, list[Checked]] = {}
    for (dataset, run_id), rules in known.items():
        checked = Checked(
            run_id=run_id,
            checked_at=max(row["checked_at"] for row in rules.values()),
            results=[msgspec.convert(row, Result) for row in sorted(rules.values(), key=_by_rule)],
        )
        found.setdefault(dataset, []).append(checked)
    for runs in found.values():
        runs.sort(key=lambda run: run.checked_at, reverse=True)
    return found


class Results:
    """The results of one platform. Safe for several threads."""

    def __init__(self, settings: Settings, snapshots: Snapshots) -> None:
        self._settings = settings
        self._snapshots = snapshots
        self._newest = Followed(settings, RESULTS, snapshots, _newest, dates=DATES)

    def newest(self) -> dict[str, Checked]:
        """By table, its newest run, be it of other tables than the newest run at all."""
        return self._newest.get()

    def trend(self, table: str, limit: int) -> list[Checked]:
        """The last ``limit`` runs that looked at the table, the newest first. Reads back no further."""
        found: dict[str, list[Checked]] = {}
        rows: list[dict[str, Any]] = []
        for part in self._parts(table):
            rows += part
            found = by_table(rows)
            if len(found.get(table, ())) >= limit:
                break
        return found.get(table, [])[:limit]

    def _parts(self, table: str) -> Iterator[list[dict[str, Any]]]:
        """Landing first, then the table date by date, the newest first: what is cleaned out of landing has
        been in the table since before."""

        def chosen(rows: pa.Table) -> pa.Table:
            return rows.filter(pc.equal(rows["dataset"], table))

        yield list(platform_rows.rows(self._settings, RESULTS, lambda: (), chosen=chosen))
        snapshot = self._snapshots.get(RESULTS.table)
        days: dict[str, list[str]] = {}
        for file in snapshot.files if snapshot else ():
            days.setdefault(file.path.rsplit("/", 1)[0], []).append(file.path)
        for day in sorted(days, reverse=True):
            yield list(platform_rows.stored_rows(RESULTS, days[day], chosen=chosen))


def _newest(rows: Iterable[dict[str, Any]]) -> dict[str, Checked]:
    return {table: runs[0] for table, runs in by_table(rows).items()}


def _by_rule(row: dict[str, Any]) -> str:
    return str(row["rule"])
