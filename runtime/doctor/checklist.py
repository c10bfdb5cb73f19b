"""The whole checklist, area by area. An area is imported when it is wanted: each knows other libraries."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import get_args

from runtime.doctor.line import Area, Line

AREAS: tuple[Area, ...] = get_args(Area)


def lines_of(areas: Sequence[str] = ()) -> list[Line]:
    """Those of these areas; all where none is named."""
    found: list[Line] = []
    for area in AREAS:
        if not areas or area in areas:
            found += import_module(f"runtime.doctor.{area.replace('-', '_')}").LINES
    return found
