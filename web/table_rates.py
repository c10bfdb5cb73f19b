"""Rows a second that go into a table, by what its log says of the newest versions."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from contracts.rates import Rate
from contracts.settings import Settings
from lakehouse.catalog.described import history
from lakehouse.datasets import Dataset
from lakehouse.reading.snapshot import Snapshot

LEAST_SECONDS = 60.0
ROUNDS = 3
"""Rates are over so many rounds of a layer at least: what is written every five minutes has one too."""
MOST_VERSIONS = 50
"""So far back a log is read when a table is first looked at."""
_MOVES = ("OPTIMIZE", "VACUUM")
"""What writes rows anew that were there before."""


class _Followed(Struct):
    rate: Rate
    version: int = -1
    rows: int = 0


class TableRates:
    """Reads each new version of a log once. For one thread at a time."""

    def __init__(self, settings: Settings, datasets: Mapping[str, Dataset]) -> None:
        rounds = {
            "bronze": settings.bronze_seconds,
            "silver": settings.silver_seconds,
            "gold": settings.gold_seconds,
        }
        self._rounds = {name: rounds.get(dataset.layer, 0) for name, dataset in datasets.items()}
        self._tables: dict[str, _Followed] = {}

    def observe(self, name: str, snapshot: Snapshot | None, now: float) -> float:
        """Rows a second; 0 for a table that is not there. ``now``: Unix seconds."""
        if snapshot is None or snapshot.version is None:
            self._tables.pop(name, None)
            return 0.0
        table = self._tables.get(name)
        if table is None or snapshot.version < table.version:  # first seen, or made anew
            table = self._tables[name] = _Followed(Rate(self._span(name)))
        if snapshot.version > table.version:
            known = table.version
            missed = min(snapshot.version - known, MOST_VERSIONS)
            for commit in reversed(history(snapshot, missed)):
                at = min(commit.timestamp.timestamp(), now)
                if known < 0 and now - at > self._span(name):
                    continue
                if not table.rows:
                    table.rate.observe(at - self._rounds[name], 0)  # a round's rows, as far as is known
                if not commit.operation.startswith(_MOVES):
                    table.rows += commit.rows_added or 0
                table.rate.observe(at, table.rows)
            table.version = snapshot.version
        return table.rate.observe(now, table.rows)

    def _span(self, name: str) -> float:
        return max(LEAST_SECONDS, ROUNDS * self._rounds[name])
