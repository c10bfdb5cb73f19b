"""How far a table has come, as its own log says: what the next commit builds on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from msgspec import Struct

from lakehouse.datasets import Dataset
from lakehouse.storage import commits, delta_log


class Position(Struct, frozen=True, kw_only=True):
    """The newest state of a silver or gold table."""

    version: int
    """Version of the table itself."""
    source_version: int
    """Newest version of the upstream table that is in it; −1: none is, or nobody knows any more."""
    source_versions: dict[str, int]
    """Of a table with several upstreams: the same for each, by name."""
    txn: int
    """Version of the last Delta transaction on it."""
    metadata: dict[str, Any]
    """The whole `dp` metadata of the newest commit that has one."""


def position_of(path: Path, declared: Dataset) -> Position:
    """Where the clean-up of the log has removed every commit with our metadata, the position is lost and all
    of the upstream is read again, which changes nothing; transactions survive in checkpoints.
    """
    version = delta_log.latest_version(path)
    metadata = commits.last_metadata(path, version)
    if metadata is None:
        txn = DeltaTable(str(path)).transaction_version(commits.app_id(declared)) or 0
        metadata = {"txn": txn}
    return Position(
        version=version,
        source_version=int(metadata.get("source_version", -1)),
        source_versions={name: int(at) for name, at in metadata.get("source_versions", {}).items()},
        txn=int(metadata.get("txn", 0)),
        metadata=metadata,
    )
