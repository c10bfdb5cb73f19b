"""Files that are on disk when a call returns, checked while they are copied."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from contracts.durability import sync_folder
from contracts.errors import ContractError

BLOCK = 1024 * 1024


def sha256_of(path: Path) -> str:
    """Raises FileNotFoundError where it has gone."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_file(source: Path, target: Path) -> tuple[int, str]:
    """Copies a file durably and reads the copy again; returns its size and SHA-256.

    Raises FileNotFoundError where the source has gone, ContractError where the copy is another.
    """
    digest = hashlib.sha256()
    size = 0
    with open(source, "rb") as reading:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "xb") as writing:
            while block := reading.read(BLOCK):
                digest.update(block)
                size += len(block)
                writing.write(block)
            writing.flush()
            os.fsync(writing.fileno())
    checksum = digest.hexdigest()
    if sha256_of(target) != checksum:
        raise ContractError(f"{target} is not what was written to it: the disk is not to be trusted")
    return size, checksum


def write_text(path: Path, content: bytes) -> None:
    """Puts content in place of what is there, at once, durably."""
    hidden = path.with_name(f".{path.name}.new")
    with open(hidden, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    hidden.replace(path)
    sync_folder(path.parent)


def sync_tree(root: Path) -> None:
    """Makes the entries of a folder and of all below it durable."""
    for folder, _, _ in os.walk(root):
        sync_folder(Path(folder))
