"""The archives that there are: their folders, and which of them are cleaned up."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from contracts.errors import ContractError, NotFound
from contracts.settings import Settings
from lakehouse.archive.manifest import MANIFEST, PIN, Manifest, read

log = logging.getLogger(__name__)


def folder_of(settings: Settings, name: str) -> Path:
    return settings.archive_root / name


def new_name(settings: Settings, at: datetime) -> str:
    """A name that no archive has, which sorts by time: `20261124T020000Z`."""
    first = name = at.strftime("%Y%m%dT%H%M%SZ")
    number = 1
    while folder_of(settings, name).exists():
        number += 1
        name = f"{first}-{number:02d}"
    return name


def archives(settings: Settings) -> list[Manifest]:
    """All that are whole, the oldest first. One whose manifest is damaged is left out, loudly."""
    found = []
    try:
        folders = list(settings.archive_root.iterdir())
    except FileNotFoundError:
        return []
    for folder in folders:
        if folder.name.startswith(".") or not (folder / MANIFEST).exists():
            continue
        try:
            found.append(read(folder))
        except (ContractError, FileNotFoundError) as error:
            log.error("an archive is left out: %s", error)  # noqa: TRY400 - the sentence says it
    return sorted(found, key=lambda manifest: (manifest.created_at, manifest.name))


def archive_named(settings: Settings, name: str) -> Manifest:
    """Raises NotFound that lists the names, ContractError where its manifest is damaged."""
    folder = folder_of(settings, name)
    if name.startswith(".") or "/" in name or not (folder / MANIFEST).exists():
        names = ", ".join(manifest.name for manifest in archives(settings)) or "none"
        raise NotFound(f"no archive named {name!r} in {settings.archive_root}; archives: {names}")
    return read(folder)


def superfluous(settings: Settings, known: Sequence[Manifest]) -> list[Manifest]:
    """Those of which each table is in `archive.keep` newer ones, and that nothing relies on."""
    keep = settings.archive.keep
    if not keep:
        return []
    found = []
    for index, manifest in enumerate(known):
        newer = known[index + 1 :]
        held = all(
            sum(any(other.table == table.table for other in later.tables) for later in newer) >= keep
            for table in manifest.tables
        )
        if held and not (folder_of(settings, manifest.name) / PIN).exists():
            found.append(manifest)
    return found


def remove(settings: Settings, name: str) -> None:
    """Takes the archive away at once, then its files."""
    folder = folder_of(settings, name)
    hidden = folder.with_name(f".removed-{name}")
    folder.rename(hidden)
    shutil.rmtree(hidden)
    log.info("removed an archive", extra={"archive": name})


def clear_remains(settings: Settings) -> None:
    """Removes what interrupted runs have left. For who holds the archive's lock."""
    if settings.archive_root.is_dir():
        for folder in settings.archive_root.iterdir():
            if folder.name.startswith((".removed-", ".partial-")):
                shutil.rmtree(folder)
