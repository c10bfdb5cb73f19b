"""Whether an archive still is what its manifest says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from contracts.errors import ContractError
from contracts.settings import Settings
from lakehouse.archive.manifest import CHECKSUM, MANIFEST, PIN, ArchivedTable, Manifest
from lakehouse.archive.store import folder_of
from lakehouse.storage.durable import sha256_of


def verify(settings: Settings, manifest: Manifest) -> Iterator[ArchivedTable]:
    """Every table whose files are all there and as they were. Raises ContractError that names the first file
    that is missing, another, or too much."""
    root = folder_of(settings, manifest.name)
    for table in manifest.tables:
        for file in table.files:
            path = root / table.folder / file.path
            try:
                same = path.stat().st_size == file.size and sha256_of(path) == file.sha256
            except FileNotFoundError:
                raise ContractError(f"archive {manifest.name}: {path} is missing") from None
            except OSError as error:
                raise ContractError(
                    f"archive {manifest.name}: {path} cannot be read: {error.strerror}"
                ) from error
            if not same:
                raise ContractError(f"archive {manifest.name}: {path} is not what was archived")
        yield table
    listed = {f"{table.folder}/{file.path}" for table in manifest.tables for file in table.files}
    for name in _files(root):
        if name not in listed and name not in (MANIFEST, CHECKSUM, PIN):
            raise ContractError(f"archive {manifest.name}: {root / name} is in no manifest")


def _files(root: Path) -> Iterator[str]:
    for folder, _, names in os.walk(root):
        for name in sorted(names):
            yield str((Path(folder) / name).relative_to(root))
