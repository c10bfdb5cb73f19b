"""Which files a copy of a table needs: its log up to a version, and every data file that a version which the
log still holds may need."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import msgspec
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable
from msgspec import Struct

from lakehouse.storage import delta_log
from lakehouse.storage.versions import oldest_version

LAST_CHECKPOINT = "_last_checkpoint"
_LOGGED = re.compile(r"(?:\d{20}\.)?(\d{20})\.(?:json|crc|compacted\.json|checkpoint(?:\..+)?\.parquet)")
"""Files of a log, with the newest version that each is about. Hadoop's hidden checksums stay behind."""


class Needed(Struct, frozen=True, kw_only=True):
    """What the copy consists of. Paths are relative to the table."""

    id: str
    version: int
    last_checkpoint: bytes | None
    """Content of the file that names the newest checkpoint, as it was before the version was taken."""
    log: tuple[str, ...]
    live: frozenset[str]
    """Data files of the version itself."""
    earlier: frozenset[str]
    """Those of versions before: a vacuum may have taken some of them."""


def needed(path: Path, version: int, last_checkpoint: bytes | None) -> Needed:
    """Raises FileNotFoundError where the log is cleaned up in between: ask again."""
    table = DeltaTable(str(path), version=version)
    live = frozenset(unquote(name) for name in _paths(table))
    names = [name for name in _names(path) if (at := _version(name)) is not None and at <= version]
    earlier = {name for log in names if log.endswith(".json") for name in _mentioned(path, log)}
    oldest = oldest_version(path)
    if oldest:
        earlier |= {
            name
            for log in names
            if log.startswith(f"{oldest:020d}.checkpoint")
            for name in _in_checkpoint(path / delta_log.LOG_FOLDER / log)
        }
    return Needed(
        id=str(table.metadata().id),
        version=version,
        last_checkpoint=last_checkpoint,
        log=tuple(f"{delta_log.LOG_FOLDER}/{name}" for name in sorted(names)),
        live=live,
        earlier=frozenset(earlier) - live,
    )


def last_checkpoint(path: Path) -> bytes | None:
    """To be read before a version is taken, so that it names none that is newer."""
    try:
        return (path / delta_log.LOG_FOLDER / LAST_CHECKPOINT).read_bytes()
    except FileNotFoundError:
        return None


def _names(path: Path) -> list[str]:
    return [child.name for child in (path / delta_log.LOG_FOLDER).iterdir()]


def _version(name: str) -> int | None:
    found = _LOGGED.fullmatch(name)
    return int(found[1]) if found else None


def _paths(table: DeltaTable) -> list[str]:
    return [str(path) for path in table.get_add_actions(flatten=True)["path"].to_pylist()]


def _mentioned(path: Path, log: str) -> Iterator[str]:
    """Data files, and files of changes, that a commit added."""
    for line in (path / delta_log.LOG_FOLDER / log).read_bytes().splitlines():
        if not line.strip():
            continue
        action = msgspec.json.decode(line)
        for kind in ("add", "cdc"):
            if kind in action:
                yield unquote(action[kind]["path"])


def _in_checkpoint(file: Path) -> Iterator[str]:
    actions = pq.ParquetFile(file).read(columns=["add.path"])["add"]
    return (unquote(path) for path in pc.struct_field(actions, "path").to_pylist() if path is not None)
