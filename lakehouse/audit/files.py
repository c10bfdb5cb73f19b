"""Where chains lie: `<UTC date>/<chain>.jsonl`, and beside it `<chain>.texts`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from contracts.layout import audit_folder
from contracts.settings import Settings

LINES = ".jsonl"
TEXTS = ".texts"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def lines_path(settings: Settings, day: str, chain: str) -> Path:
    return audit_folder(settings) / day / f"{chain}{LINES}"


def texts_path(settings: Settings, day: str, chain: str) -> Path:
    return audit_folder(settings) / day / f"{chain}{TEXTS}"


def name_of(day: str, chain: str) -> str:
    """A file of lines as it is named to people and in the log itself: relative to the log's folder."""
    return f"{day}/{chain}{LINES}"


def days(settings: Settings) -> list[str]:
    """Days that there are files of, sorted."""
    folder = audit_folder(settings)
    return sorted(path.name for path in folder.glob("*-*-*") if _DAY.fullmatch(path.name) and path.is_dir())


def day_of(text: str) -> date:
    return date.fromisoformat(text)


def files_of(settings: Settings) -> dict[str, list[str]]:
    """Chain → the days that it has a file of, sorted."""
    found: dict[str, list[str]] = {}
    for day in days(settings):
        for path in _in(audit_folder(settings) / day, LINES):
            found.setdefault(path.name.removesuffix(LINES), []).append(day)
    return found


def days_of(settings: Settings, chain: str, since: str = "") -> list[str]:
    """Days from ``since`` on that the chain has a file of, sorted."""
    return [day for day in days(settings) if day >= since and lines_path(settings, day, chain).exists()]


def _in(folder: Path, suffix: str) -> Iterator[Path]:
    yield from sorted(path for path in folder.iterdir() if path.name.endswith(suffix) and path.is_file())
