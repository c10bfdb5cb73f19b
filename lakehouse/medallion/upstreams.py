"""What has happened to the tables that a computed table reads, as far as it has looked: their commits since
its position."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from deltalake import DeltaTable

from contracts.settings import Settings
from lakehouse.datasets import Dataset, dataset
from lakehouse.storage import commits, delta_log, tables
from lakehouse.storage.retained import retained_from

Hour = tuple[date, int]


class Upstream:
    """One of them. ``observe`` looks further; ``start`` begins anew at a version."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.declared: Dataset = dataset(name)
        self.path: Path = tables.create(settings, self.declared)
        self.retained: date | None = retained_from(self.path)
        """From which date on it has all of its rows; None: it has never lost any."""
        self.start(-1)

    def start(self, version: int) -> None:
        self.seen = version
        """Version up to which it has been looked at."""
        self.lost = False
        """Whether the log no longer has every version since: what changed is not known."""
        self.hours: set[Hour] = set()
        self.dates: set[date] = set()
        self.rewritten: set[date] = set()
        """Dates of commits that changed rows in place; others only added."""
        self.added: list[tables.DataFile] = []
        self.replaced: list[Path] = []

    def observe(self) -> tuple[set[Hour], set[date], bool]:
        """Looks at new commits: the hours and dates that they changed, and whether rows changed at all.

        Retention, compaction and restores never count as changes.
        """
        newest = delta_log.latest_version(self.path, self.seen)
        hours: set[Hour] = set()
        dates: set[date] = set()
        news = False
        for version in range(self.seen + 1, newest + 1):
            commit = delta_log.read_commit(self.path, version)
            if commit is None:
                self.lost = news = True
                self.retained = retained_from(self.path)
                continue
            metadata = commits.metadata_of(commit.info)
            if commit.is_new_schema:
                self.retained = retained_from(self.path)
            if metadata is None or commits.is_no_news(commit.info):
                continue
            changed = [file for file in commit.added if file.data_change]
            told = {date.fromisoformat(text) for text in metadata.get("dates", ())}
            hours |= {commits.parse_hour(text) for text in metadata.get("hours", ())}
            dates |= told
            if not changed and not commit.replaced:
                continue
            news = True
            self.added += tables.added_files(changed, self.declared)
            self.replaced += commit.replaced
            if commit.replaced:
                self.rewritten |= told
        self.seen = newest
        self.hours |= hours
        self.dates |= dates
        return hours, dates, news

    def files(self) -> list[tables.DataFile]:
        """Its files at the version that has been looked at, in a fixed order."""
        if self.seen < 0:
            return []
        table = DeltaTable(str(self.path), version=self.seen)
        return sorted(tables.snapshot_files(table, self.path, self.declared), key=lambda file: file.path)

    def gone(self) -> bool:
        """Whether a file that a commit added or replaced is no longer on disk: vacuum has taken it."""
        return not all(path.exists() for path in (*(f.path for f in self.added), *self.replaced))


def started(upstreams: Mapping[str, Upstream], versions: Mapping[str, int], first: int) -> None:
    """Begins all of them anew at a table's position; ``first`` is the first one's where no other is known."""
    for index, (name, upstream) in enumerate(upstreams.items()):
        upstream.start(versions.get(name, first if index == 0 else -1))
