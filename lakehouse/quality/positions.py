"""How far a table has come with its upstreams, by its own commits: what it can be held to.

A table is compared with the versions that it has taken in, not with the newest: what is on its way is no
fault. Slices that it has put off are in none.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec import Struct

from contracts.layout import table_path
from contracts.platform import landed_named
from contracts.settings import Settings
from lakehouse.datasets import DATASETS, Dataset, FromChain, ReplaceDates, ReplaceHours, ReplaceKeys
from lakehouse.medallion.chains import discover
from lakehouse.storage import commits, delta_log


class Waiting(Struct, frozen=True):
    """What lies upstream and is not in the table yet."""

    count: int
    """Versions of a table, or files in landing."""
    since: datetime
    """When the first of them came, UTC."""


class Position(Struct, frozen=True, kw_only=True):
    """What a table's newest commit says."""

    taken: dict[str, int]
    """Upstream → the newest version that is in it."""
    deferred: frozenset[str]
    """Slices that were put off: hours (`2026-11-24T07`), dates, or all (empty)."""
    chains: dict[str, int]
    """Of a table that is fed from chains: chain → the last offset that is in it."""
    gaps: tuple[tuple[str, int, int], ...]
    """Chain, first and last offset of what was passed over."""

    @property
    def deferred_dates(self) -> set[date]:
        return {date.fromisoformat(text[:10]) for text in self.deferred if text}


def position(path: Path, declared: Dataset, version: int) -> Position | None:
    """Of a version of the table; None: its log does not tell."""
    told = commits.last_metadata(path, version)
    if told is None:
        return None
    taken = {name: int(at) for name, at in told.get("source_versions", {}).items()}
    if not taken and "source_version" in told and len(declared.upstream) == 1:
        taken = {declared.upstream[0]: int(told["source_version"])}
    return Position(
        taken=taken,
        deferred=frozenset(told.get("deferred", ())),
        chains={str(chain): int(last) for chain, last in told.get("chains", {}).items()},
        gaps=tuple((str(chain), int(first), int(last)) for chain, first, last in told.get("gaps", ())),
    )


def loaded_at(path: Path, version: int) -> datetime | None:
    """The load_timestamp of the rows of a bronze table's version, or of the last before it that has rows."""
    told = (commits.last_metadata(path, version) or {}).get("loaded")
    return datetime.fromisoformat(told) if told else None


def waiting_upstream(settings: Settings, declared: Dataset, upstream: str, taken: int) -> Waiting | None:
    """The versions of ``upstream`` that change something in the table and are not in it."""
    path = table_path(settings, DATASETS[upstream].layer, upstream)
    newest = delta_log.latest_version(path, taken)
    found = [
        commit
        for commit in delta_log.commits_between(path, taken, newest)
        if commit is not None and _concerns(declared, upstream, commit)
    ]
    if not found:
        return None
    return Waiting(len(found), min(_time_of(commit) for commit in found))


def waiting_in_landing(settings: Settings, declared: Dataset, chains: dict[str, int]) -> Waiting | None:
    """The landing files that are not in the table."""
    assert isinstance(declared.build, FromChain)
    times: list[float] = []
    for chain, folder in discover(settings, landed_named(declared.build.source)).items():
        times += list(_after(folder, chains.get(chain, -1)))
    return Waiting(len(times), datetime.fromtimestamp(min(times), UTC)) if times else None


def last_sign(settings: Settings) -> datetime:
    """The newest commit of any table, or landing file: what waits is late by how long the rest went on. A
    platform that was stopped is behind with nothing."""
    newest = datetime.min.replace(tzinfo=UTC)
    for declared in DATASETS.values():
        path = table_path(settings, declared.layer, declared.name)
        version = delta_log.latest_version(path)
        commit = delta_log.read_commit(path, version) if version >= 0 else None
        if commit is not None:
            newest = max(newest, _time_of(commit))
        if isinstance(declared.build, FromChain):
            for folder in discover(settings, landed_named(declared.build.source)).values():
                landed = max(_after(folder, -1), default=0.0)
                newest = max(newest, datetime.fromtimestamp(landed, UTC))
    return newest


def _concerns(declared: Dataset, upstream: str, commit: delta_log.Commit) -> bool:
    """Whether the driver computes something anew for this commit (see ``lakehouse.medallion``)."""
    told: dict[str, Any] | None = commits.metadata_of(commit.info)
    changes = bool(commit.replaced) or any(file.data_change for file in commit.added)
    if commits.is_no_news(commit.info) or not changes:
        return False
    feeds = [feed for feed in declared.feeds if feed.dataset == upstream and feed.stale]
    match declared.build:
        case ReplaceHours():
            return bool(feeds and told and told.get("hours"))
        case ReplaceDates():
            return bool(feeds and told and told.get("dates"))
        case ReplaceKeys():
            return told is not None and any(feed.take != "all" for feed in feeds)
    return True


def _time_of(commit: delta_log.Commit) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(commit.info.get("timestamp") or 0))


def _after(folder: Path, offset: int) -> Iterator[float]:
    """When the chain's files beyond an offset were written, Unix seconds."""
    for path in folder.glob("*.parquet"):
        if path.stem.isdecimal() and int(path.stem) > offset:
            try:
                yield path.stat().st_mtime
            except FileNotFoundError:
                continue  # cleaned up meanwhile
