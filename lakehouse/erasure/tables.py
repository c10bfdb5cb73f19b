"""A Delta table without a person, and, if asked, without the versions that had them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
from deltalake import DeltaTable
from msgspec import Struct

from lakehouse.datasets import Dataset
from lakehouse.persons.declared import kinds_of
from lakehouse.persons.person import Person
from lakehouse.persons.rows import without
from lakehouse.storage import commits, delta_commit, delta_log, tables
from lakehouse.storage.durable import write_text


class Counts(Struct, kw_only=True):
    """What was done in one place."""

    files: int = 0
    """Rewritten."""
    rows: int = 0
    """Removed."""
    values: int = 0
    """Of which only the mention was removed."""

    def __bool__(self) -> bool:
        return bool(self.rows or self.values)


def erase(path: Path, declared: Dataset, person: Person, *, dry_run: bool) -> Counts:
    """In one commit that is no news to whoever follows the table. For its one writer."""
    handle = DeltaTable(str(path))
    kinds = kinds_of(declared)
    counts = Counts()
    adds: list[delta_commit.FileAction] = []
    removes: list[str] = []
    for file in tables.snapshot_files(handle, path, declared):
        left = without(person, pq.ParquetFile(file.path).read(), kinds)
        if not left.is_changed:
            continue
        counts.files += 1
        counts.rows += left.removed
        counts.values += left.blotted
        removes.append(str(file.path))
        if left.rows.num_rows and not dry_run:
            adds.append(delta_commit.write_file(path, declared, left.rows, file.partition))
    if removes and not dry_run:
        delta_commit.commit(
            handle,
            path,
            adds=adds,
            removes=removes,
            metadata=commits.standing(path, handle.version(), **{commits.ERASED: {"rows": counts.rows}}),
            operation="DELETE",
        )
    return counts


def forget_versions(path: Path) -> None:
    """Ends the table's time travel here: files that only older versions need go, and so do texts in the
    statistics that its log keeps of them. Versions stay known, so that whoever follows the table goes on.

    For its one writer, while nobody copies it.
    """
    table = DeltaTable(str(path))
    table.vacuum(
        retention_hours=0,
        dry_run=False,
        full=True,
        enforce_retention_duration=False,
        commit_properties=commits.changing_nothing(path, table.version()),
    )
    table = DeltaTable(str(path))
    table.create_checkpoint()
    newest = f"{table.version():020d}"
    live = {str(name) for name in table.get_add_actions(flatten=True)["path"].to_pylist()}
    log = path / delta_log.LOG_FOLDER
    for file in sorted(log.iterdir()):
        old_checkpoint = ".checkpoint" in file.name and not file.name.startswith(newest)
        if (
            file.name.endswith(".crc")
            or ".compacted." in file.name
            or (old_checkpoint and file.name[:1].isdecimal())
        ):
            file.unlink()
        elif file.name.endswith(".json") and file.name[:20].isdecimal():
            _without_statistics(file, live)


def _without_statistics(commit: Path, live: set[str]) -> None:
    """Takes texts out of the statistics of files that are gone."""
    before = commit.read_bytes()
    lines = [_plain(line, live) for line in before.splitlines() if line.strip()]
    after = b"\n".join(lines) + b"\n"
    if after != before:
        times = commit.stat()
        write_text(commit, after)
        os.utime(commit, ns=(times.st_atime_ns, times.st_mtime_ns))


def _plain(line: bytes, live: set[str]) -> bytes:
    action: dict[str, Any] = msgspec.json.decode(line)
    for kind in ("add", "remove"):
        body = action.get(kind)
        if body is None or not body.get("stats") or (kind == "add" and body["path"] in live):
            continue
        stats = msgspec.json.decode(body["stats"])
        for bounds in ("minValues", "maxValues"):
            known = stats.get(bounds) or {}
            stats[bounds] = {name: value for name, value in known.items() if not _is_name(value)}
        body["stats"] = msgspec.json.encode(stats).decode()
        return msgspec.json.encode(action)
    return line


def _is_name(value: Any) -> bool:
    """Whether a bound is a text that is no time and no date: those prune."""
    return isinstance(value, str) and not (len(value) >= 10 and value[:4].isdecimal() and value[4] == "-")
