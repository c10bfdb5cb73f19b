"""Follows the chains of landing files by name: the next file of a chain is named for the last offset + 1.

No folder of files is listed while a chain goes on; only the two levels above (topic ids and partitions) are,
to find new chains, and a new chain's own folder, once, for the offset at which it begins.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from contracts.errors import DependencyError, SchemaMismatch
from contracts.landing import META_FIRST_OFFSET, META_LAST_OFFSET, META_TOPIC_ID
from contracts.layout import chain_file_name, chains_root
from contracts.platform import Landed, landing_schema
from contracts.settings import Settings
from lakehouse.datasets.declaration import LOAD_TIMESTAMP, QUALITY_FLAGS
from lakehouse.storage.evolution import Extras, conformed

QUARANTINE = ".quarantine"

log = logging.getLogger(__name__)


class ChainFile(Struct, frozen=True, kw_only=True):
    """One landing file, read. ``chain`` is `<topic id>/<partition>`."""

    chain: str
    path: Path
    size: int
    first_offset: int
    last_offset: int
    rows: pa.Table
    """In the source's landing schema; may hold none."""


class Trouble(Struct, frozen=True, kw_only=True):
    """Why a chain does not go on."""

    chain: str
    message: str
    fresh: bool = False
    """Whether it was found just now (a file was set aside), not before."""


class Gap(Struct, frozen=True, kw_only=True):
    """Offsets, both inclusive, that a chain has passed over: their file was set aside."""

    chain: str
    first: int
    last: int


def discover(settings: Settings, source: Landed) -> dict[str, Path]:
    """Folder of every chain of a source, by `<topic id>/<partition>`."""
    found: dict[str, Path] = {}
    for topic in _children(chains_root(settings, source), "topic_id="):
        topic_id = topic.name.removeprefix("topic_id=")
        for folder in _children(topic, "partition="):
            partition = folder.name.removeprefix("partition=")
            if partition.isdecimal():
                found[f"{topic_id}/{int(partition)}"] = folder
    return dict(sorted(found.items()))


def beginning(folder: Path) -> int | None:
    """The offset at which a chain begins, be its first file set aside or not; None where it has no file
    yet."""
    offsets = _offsets(folder) + _offsets(folder / QUARANTINE)
    return min(offsets) if offsets else None


def skipped(folder: Path, next_offset: int) -> int | None:
    """The offset of a file beyond a missing one: a hole that nobody has filled. None: there is no hole."""
    later = [offset for offset in _offsets(folder) if offset > next_offset]
    if later and not (folder / chain_file_name(next_offset)).exists():
        return min(later)
    return None


def follow(
    source: Landed,
    chain: str,
    folder: Path,
    next_offset: int,
    troubles: list[Trouble],
    gaps: list[Gap] | None = None,
    extras: Extras | None = None,
) -> Iterator[ChainFile]:
    """The files of a chain from ``next_offset`` on, in order, until there is none (any more, or yet).

    A file that is not one of ours, or whose columns cannot be taken, goes to `.quarantine/` beside it. Where
    the chain has gone on behind such a file, its offsets are added to ``gaps`` and passed over; else the
    chain waits for a file of that name. What stops a chain, or is passed over, is added to ``troubles``.
    ``extras`` are the columns that are known beyond the declared ones; those of new files are added.
    """
    while True:
        path = folder / chain_file_name(next_offset)
        try:
            file = read_file(source, chain, path, next_offset, extras)
        except FileNotFoundError:
            if not (folder / QUARANTINE / path.name).exists():
                return
            beyond = skipped(folder, next_offset)
            if beyond is None:
                message = f"waits for {path}, which was set aside as unreadable"
                troubles.append(Trouble(chain=chain, message=message))
                return
            if gaps is not None:
                gaps.append(Gap(chain=chain, first=next_offset, last=beyond - 1))
            next_offset = beyond
            continue
        except DependencyError as error:
            troubles.append(Trouble(chain=chain, message=str(error)))
            return
        except SchemaMismatch as error:
            troubles.append(Trouble(chain=chain, message=set_aside(path, str(error)), fresh=True))
            continue
        yield file
        next_offset = file.last_offset + 1


def chain_files(folder: Path) -> list[tuple[int, Path]]:
    """The files of a chain that are there, each with the offset at which it begins, in order."""
    return sorted((offset, folder / chain_file_name(offset)) for offset in _offsets(folder))


def foreign_files(folder: Path) -> list[Path]:
    """Files of a chain's folder that can be none of the chain, by their names; hidden ones left out."""
    try:
        found = [child for child in folder.iterdir() if child.is_file() and not child.name.startswith(".")]
    except FileNotFoundError:
        return []
    return sorted(child for child in found if _offset_of(child.name) is None)


def positions_after(positions: Mapping[str, int], files: list[ChainFile]) -> dict[str, int]:
    """Last offset taken of every chain once ``files`` are, some of which may fill gaps."""
    after = dict(positions)
    for file in files:
        after[file.chain] = max(file.last_offset, after.get(file.chain, file.last_offset))
    return after


def read_file(
    source: Landed, chain: str, path: Path, first_offset: int, extras: Extras | None = None
) -> ChainFile:
    """One file of a chain. Raises FileNotFoundError; SchemaMismatch where it is provably none of this chain
    or its columns cannot be taken; DependencyError where the disk does not give it."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DependencyError(f"cannot read {path}: {error.strerror}") from error
    try:
        with pq.ParquetFile(pa.BufferReader(content)) as file:
            metadata = file.schema_arrow.metadata or {}
            metadata = {**(file.metadata.metadata or {}), **metadata}
            first, last = int(metadata[META_FIRST_OFFSET]), int(metadata[META_LAST_OFFSET])
            ours = metadata[META_TOPIC_ID].decode() == chain.partition("/")[0]
            rows = file.read()
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise SchemaMismatch(f"{path} is not a landing file: {type(error).__name__}: {error}") from error
    if not ours or first != first_offset or last < first:
        raise SchemaMismatch(f"{path} belongs elsewhere: it says that it holds {first} to {last}")
    return ChainFile(
        chain=chain,
        path=path,
        size=len(content),
        first_offset=first,
        last_offset=last,
        rows=conformed(
            landing_schema(source),
            path,
            rows,
            {} if extras is None else extras,
            reserved=(source.date_column, QUALITY_FLAGS, LOAD_TIMESTAMP),
        ),
    )


def set_aside(path: Path, reason: str) -> str:
    """Moves a file to `.quarantine/` beside it, loudly; returns what was done, in a sentence."""
    folder = path.parent / QUARANTINE
    folder.mkdir(exist_ok=True)
    target = folder / path.name
    path.rename(target)
    message = f"set aside {path} as {target}: {reason}"
    log.error(message)
    return message


def _children(folder: Path, prefix: str) -> list[Path]:
    try:
        return [child for child in folder.iterdir() if child.name.startswith(prefix) and child.is_dir()]
    except FileNotFoundError:
        return []


def _offsets(folder: Path) -> list[int]:
    try:
        names = [child.name for child in folder.iterdir()]
    except FileNotFoundError:
        return []
    return [offset for name in names if (offset := _offset_of(name)) is not None]


def _offset_of(name: str) -> int | None:
    """The offset that a chain file is named for."""
    is_ours = len(name) == 28 and name[:20].isdecimal() and name.endswith(".parquet")
    return int(name[:20]) if is_ours else None
