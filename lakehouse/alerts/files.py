"""Where alerts lie, and how their files are replaced."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from contracts.settings import Settings


def alerts_folder(settings: Settings) -> Path:
    """States, silences and notices; survives `dp down`."""
    return settings.data_root / "alerts"


def replace(path: Path, content: Any) -> None:
    """Puts JSON in the place of a file, as a whole and durably. Raises OSError where the disk refuses."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.fresh")
    with open(fresh, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(content), indent=1))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
