"""Takes texts away from the log, and says so in it: what an erasure needs.

Lines stay as they are, so that the chain stays whole; they hold ids only. Overwritten in place, as a service
may be adding to the same file.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from contracts.layout import audit_folder
from contracts.settings import Settings
from lakehouse.audit import files
from lakehouse.audit.entry import REDACTED
from lakehouse.audit.log import Recorder
from lakehouse.audit.texts import Text, texts_in

MOST_IDS = 1_000
"""Of one entry."""


def redact(
    settings: Settings, audit: Recorder, names: Callable[[str], bool], *, user: str | None, reason: str
) -> int:
    """Takes away every text of which ``names`` is true; returns how many.

    ``reason`` stays in the log for good: it must not name the person. Said first and done then, so a run that
    is broken off is repeated. Raises DependencyError where it cannot be said, OSError where the disk refuses.
    """
    done = 0
    for day in files.days(settings):
        for path in sorted((audit_folder(settings) / day).glob(f"*{files.TEXTS}")):
            found = [
                (place, text.id)
                for _, place, text in texts_in(path)
                if text.text is not None and names(text.text)
            ]
            for start in range(0, len(found), MOST_IDS):
                ids = [id for _, id in found[start : start + MOST_IDS]]
                audit.record_durably(
                    REDACTED,
                    user=user,
                    details={"file": f"{day}/{path.name}", "reason": reason, "texts": ids},
                )
            _overwrite(path, found)
            done += len(found)
    return done


def _overwrite(path: Path, found: list[tuple[int, str]]) -> None:
    if not found:
        return
    with open(path, "r+b", buffering=0) as file:
        for place, id in found:
            file.seek(place)
            length = _line_length(file.fileno(), place)
            blank = msgspec.json.encode(Text(id=id, redacted=True))
            os.pwrite(file.fileno(), blank.ljust(length), place)
        os.fsync(file.fileno())


def _line_length(descriptor: int, place: int) -> int:
    """Bytes until the newline."""
    length = 0
    while True:
        block = os.pread(descriptor, 64 * 1024, place + length)
        end = block.find(b"\n")
        if end >= 0 or not block:
            return length + max(end, 0)
        length += len(block)
