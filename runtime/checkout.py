"""Where the code lies: in a checkout, with its documents, tests and locks, or installed as packages alone."""

from __future__ import annotations

import os
from pathlib import Path

from contracts.errors import NotFound

ROOT = Path(__file__).resolve().parent.parent
"""Folder that the packages lie in: the checkout's, or `site-packages`."""
CACHE_NAME = "dataplatform"


def checkout() -> Path | None:
    """Root of the checkout; None where the code was installed, or copied into an image."""
    return ROOT if (ROOT / "dp").is_file() and (ROOT / "pyproject.toml").is_file() else None


def needed_checkout(what: str) -> Path:
    """Raises NotFound where there is none."""
    root = checkout()
    if root is None:
        raise NotFound(f"{what} needs a checkout, and this is an installed dp ({ROOT})")
    return root


def kept_folder(name: str) -> Path:
    """Where things that are made once are kept: `.NAME` beside the code of a checkout or an image, else
    `NAME` in the user's cache folder."""
    beside = ROOT / f".{name}"
    if (ROOT / "pyproject.toml").is_file() or beside.exists():
        return beside
    base = os.environ.get("XDG_CACHE_HOME", "")
    home = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
    return home / CACHE_NAME / name
