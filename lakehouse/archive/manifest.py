"""What an archive says of itself: `manifest.json`, and its own checksum beside it."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from contracts.errors import ContractError
from lakehouse.storage.durable import write_text

FORMAT = 1
"""Of the manifest. A newer one is refused."""
MANIFEST = "manifest.json"
CHECKSUM = "manifest.sha256"
PIN = "pinned"
"""A file of this name in an archive: rows have been removed because it holds them, so it is never cleaned up
by itself."""


class ArchivedFile(Struct, frozen=True, kw_only=True):
    """One file of a table. ``path`` is relative to the table's folder, as on disk."""

    path: str
    size: int
    sha256: str


class ArchivedTable(Struct, frozen=True, kw_only=True):
    """A table as it was at ``version``, with the versions before that its log kept."""

    table: str
    layer: str
    id: str
    """Delta's own id of the table: another one under the same name has another."""
    version: int
    files: tuple[ArchivedFile, ...]

    @property
    def bytes(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def folder(self) -> str:
        """Its folder, relative to the archive's."""
        return f"{self.layer}/{self.table}"


class Manifest(Struct, frozen=True, kw_only=True):
    """One archive."""

    format: int = FORMAT
    name: str
    created_at: datetime
    whole: bool
    """Whether it has all tables that there were."""
    tables: tuple[ArchivedTable, ...]

    @property
    def bytes(self) -> int:
        return sum(table.bytes for table in self.tables)


def write(folder: Path, manifest: Manifest) -> None:
    """Durable when it returns; replaces one that is there."""
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    write_text(folder / MANIFEST, text)
    write_text(folder / CHECKSUM, f"{hashlib.sha256(text).hexdigest()}\n".encode())


def read(folder: Path) -> Manifest:
    """Raises ContractError where it is damaged or of a later format, FileNotFoundError where there is
    none."""
    path = folder / MANIFEST
    text = path.read_bytes()
    try:
        expected = (folder / CHECKSUM).read_text("ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        expected = ""
    if hashlib.sha256(text).hexdigest() != expected:
        raise ContractError(f"{path} does not have the checksum that {CHECKSUM} says")
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except msgspec.MsgspecError as error:
        raise ContractError(f"{path} cannot be read: {error}") from error
    if manifest.format > FORMAT:
        raise ContractError(f"{path} has format {manifest.format}; this version knows {FORMAT} and before")
    return manifest
