"""Reads a Delta log without loading the table: newest version, one commit, the files that commits added.

For what happens every round. Costs a few file reads, whatever the size of the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
from msgspec import Struct, field

from contracts.errors import BrokenTable

LOG_FOLDER = "_delta_log"


class Added(Struct, frozen=True, kw_only=True):
    """A data file that a commit added. ``stats`` as in the Delta protocol: numRecords, minValues,
    maxValues."""

    path: Path
    """Absolute."""
    version: int
    size: int
    partition: dict[str, str | None]
    stats: dict[str, Any]
    data_change: bool

    @property
    def rows(self) -> int:
        return int(self.stats.get("numRecords", 0))


class Commit(Struct, frozen=True, kw_only=True):
    """One version of a table, as its log says."""

    version: int
    info: dict[str, Any] = field(default_factory=dict)
    """The commitInfo action."""
    added: tuple[Added, ...] = ()
    removed: tuple[Path, ...] = ()
    replaced: tuple[Path, ...] = ()
    """Those that were removed because rows changed; compaction removes others."""
    transactions: dict[str, int] = field(default_factory=dict)
    """Application id → version."""
    is_new_schema: bool = False
    """Whether it says anew what the table's columns and properties are."""


def commit_file(table: Path, version: int) -> Path:
    return table / LOG_FOLDER / f"{version:020d}.json"


def latest_version(table: Path, known: int = -1) -> int:
    """The newest version, −1 where there is no table.

    Begins at ``known`` or the last checkpoint, whichever is newer, and asks for one name after the other.
    """
    version = max(known, _checkpoint_version(table))
    if version < 0 and not commit_file(table, 0).exists():
        return -1
    version = max(version, 0)
    while commit_file(table, version + 1).exists():
        version += 1
    return version


def read_commit(table: Path, version: int) -> Commit | None:
    """One version; None where its file is no longer (or not yet) in the log. Raises BrokenTable."""
    try:
        return _parsed(table, version, commit_file(table, version).read_bytes())
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise BrokenTable(table.name, f"version {version} in its log is damaged") from error


def _parsed(table: Path, version: int, text: bytes) -> Commit:
    info: dict[str, Any] = {}
    added: list[Added] = []
    removed: list[Path] = []
    replaced: list[Path] = []
    transactions: dict[str, int] = {}
    is_new_schema = False
    for line in text.splitlines():
        if not line.strip():
            continue
        action = msgspec.json.decode(line)
        if "commitInfo" in action:
            info = action["commitInfo"]
        elif "add" in action:
            added.append(_added(table, version, action["add"]))
        elif "remove" in action:
            removed.append(file_path(table, action["remove"]["path"]))
            if action["remove"].get("dataChange", True):
                replaced.append(removed[-1])
        elif "metaData" in action:
            is_new_schema = True
        elif "txn" in action:
            transactions[action["txn"]["appId"]] = int(action["txn"]["version"])
    return Commit(
        version=version,
        info=info,
        added=tuple(added),
        removed=tuple(removed),
        replaced=tuple(replaced),
        transactions=transactions,
        is_new_schema=is_new_schema,
    )


def commits_between(table: Path, after: int, through: int) -> Iterator[Commit | None]:
    """The commits of (after, through], oldest first; None for one that is no longer in the log."""
    for version in range(after + 1, through + 1):
        yield read_commit(table, version)


def file_path(table: Path, encoded: str) -> Path:
    """A log's path is a URL, relative to the table."""
    return table / unquote(encoded)


def _added(table: Path, version: int, add: dict[str, Any]) -> Added:
    stats = add.get("stats")
    return Added(
        path=file_path(table, add["path"]),
        version=version,
        size=int(add["size"]),
        partition=dict(add.get("partitionValues") or {}),
        stats=msgspec.json.decode(stats) if stats else {},
        data_change=bool(add.get("dataChange", True)),
    )


def _checkpoint_version(table: Path) -> int:
    try:
        content = msgspec.json.decode((table / LOG_FOLDER / "_last_checkpoint").read_bytes())
        return int(content["version"])
    except (FileNotFoundError, msgspec.DecodeError, LookupError, TypeError, ValueError):
        return -1
