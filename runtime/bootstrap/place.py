"""Where the code lies: in a checkout with its documents, tests and locks, in an image, or installed."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""Folder that the packages lie in: the checkout's, or `site-packages`."""
DISTRIBUTION = "dataplatform"


def is_installed() -> bool:
    """Whether the packages were installed from a wheel: then nothing is kept beside them."""
    return any(ROOT.glob(f"{DISTRIBUTION}-*.dist-info"))


def checkout() -> Path | None:
    """Root of the checkout; None where the code was installed, or copied into an image."""
    return ROOT if (ROOT / "dp").is_file() and (ROOT / "pyproject.toml").is_file() else None


def kept_folder(name: str) -> Path:
    """Where things that are made once are kept: `.NAME` beside the code, or, where that was installed, `NAME`
    in the user's cache folder (XDG_CACHE_HOME)."""
    if not is_installed():
        return ROOT / f".{name}"
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / DISTRIBUTION / name
