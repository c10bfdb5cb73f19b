"""Code that a page tells to put into files of ours: ``<!-- into PATH -->`` before a block."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^<!-- into (\S+) -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def told(page: str) -> Iterator[tuple[str, str]]:
    """Path below the root, and what goes to its end; of a page below `docs/`."""
    for found in BLOCK.finditer((ROOT / "docs" / page).read_text("utf-8")):
        yield found[1], found[2]


def followed(page: str, folder: Path) -> Path:
    """A copy of the packages that the page's blocks go into, with them at the ends of their files."""
    blocks = list(told(page))
    for package in {path.partition("/")[0] for path, _ in blocks}:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for path, text in blocks:
        with open(folder / path, "a", encoding="utf-8") as file:
            file.write(f"\n\n{text}")
    return folder
