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
from contracts.landing import LANDING, META_FIRST_OFFSET, META_LAST_OFFSET, META_TOPIC_ID
from contracts.layout import chain_file_name, chains_root
from contracts.settings import Settings
from contracts.sources import Source

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


def discover(settings: Settings, source: Source) -> dict[str, Path]:
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
    source: Source, chain: str, folder: Path, next_offset: int, troubles: list[Trouble]
) -> Iterator[ChainFile]:
    """The files of a chain from ``next_offset`` on, in order, until there is none (any more, or yet).

    A file that is not one of ours goes to `.quarantine/` beside it, since it holds nothing that could be
    read; the chain then waits for a file of that name. What stops a chain is added to ``troubles``.
    """
    while True:
        path = folder / chain_file_name(next_offset)
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            if (folder / QUARANTINE / path.name).exists():
                troubles.append(
                    Trouble(chain=chain, message=f"waits for {path}, which was set aside as unreadable")
                )
            return
        try:
            file = _read(source, chain, path, size, next_offset)
        except (SchemaMismatch, DependencyError) as error:
            troubles.append(Trouble(chain=chain, message=str(error)))
            return
        if file is None:
            troubles.append(Trouble(chain=chain, message=_set_aside(path), fresh=True))
            return
        yield file
        next_offset = file.last_offset + 1


def positions_after(positions: Mapping[str, int], files: list[ChainFile]) -> dict[str, int]:
    """Last offset taken of every chain once ``files`` are."""
    return {**positions, **{file.chain: file.last_offset for file in files}}


def _read(source: Source, chain: str, path: Path, size: int, first_offset: int) -> ChainFile | None:
    """None: the file is provably not one of this chain."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DependencyError(f"cannot read {path}: {error.strerror}") from error
    try:
        with pq.ParquetFile(pa.BufferReader(content)) as file:
            metadata = file.schema_arrow.metadata or {}
            metadata = {**(file.metadata.metadata or {}), **metadata}
            first, last = int(metadata[META_FIRST_OFFSET]), int(metadata[META_LAST_OFFSET])
            ours = metadata[META_TOPIC_ID].decode() == chain.partition("/")[0]
            rows = file.read()
    except (pa.ArrowInvalid, OSError, KeyError, ValueError):
        log.exception("landing file is not readable", extra={"path": str(path)})
        return None
    if not ours or first != first_offset or last < first:
        log.error(
            "landing file belongs elsewhere",
            extra={"path": str(path), "first_offset": first, "last_offset": last},
        )
        return None
    return ChainFile(
        chain=chain,
        path=path,
        size=size,
        first_offset=first,
        last_offset=last,
        rows=_conformed(source, path, rows),
    )


def _conformed(source: Source, path: Path, rows: pa.Table) -> pa.Table:
    schema = LANDING[source.name]
    different = sorted(set(rows.schema.names) ^ set(schema.names))
    if different or len(rows.schema) != len(schema):
        raise SchemaMismatch(f"{path} has other columns than declared: {', '.join(different) or 'doubled'}")
    try:
        return rows.select(schema.names).cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise SchemaMismatch(f"{path} has other types than declared: {error}") from error


def _set_aside(path: Path) -> str:
    folder = path.parent / QUARANTINE
    folder.mkdir(exist_ok=True)
    target = folder / path.name
    path.rename(target)
    message = f"set aside {path}, which is not a landing file, as {target}"
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
    return [int(n[:20]) for n in names if len(n) == 28 and n[:20].isdecimal() and n.endswith(".parquet")]
