"""Removes old days of the log, and says so in it, so that what is left can still be proven."""

from __future__ import annotations

from datetime import date

from contracts.layout import audit_folder
from contracts.settings import Settings
from lakehouse.audit import files
from lakehouse.audit.entry import RETAINED
from lakehouse.audit.line import Line, decoder
from lakehouse.audit.log import Recorder


def remove_before(settings: Settings, audit: Recorder, day: date, *, user: str | None = None) -> int:
    """Removes the files of days before ``day``; returns how many. A chain's newest file stays.

    Said first, with the number at which each chain begins from then on: ``verify`` takes no other beginning.
    Raises DependencyError where it cannot be said, OSError where the disk refuses.
    """
    oldest: dict[str, int] = {}
    gone = []
    for chain, of_chain in files.files_of(settings).items():
        old = [one for one in of_chain[:-1] if one < day.isoformat()]
        if not old:
            continue
        oldest[chain] = _first_line(settings, of_chain[len(old)], chain).seq
        gone += [(one, chain) for one in old]
    if not gone:
        return 0
    audit.record_durably(RETAINED, user=user, details={"before": day.isoformat(), "chains": oldest})
    for one, chain in sorted(gone):
        files.lines_path(settings, one, chain).unlink(missing_ok=True)
        files.texts_path(settings, one, chain).unlink(missing_ok=True)
    for one in {one for one, _ in gone}:
        folder = audit_folder(settings) / one
        if not any(folder.iterdir()):
            folder.rmdir()
    return len(gone)


def _first_line(settings: Settings, day: str, chain: str) -> Line:
    with open(files.lines_path(settings, day, chain), "rb") as file:
        raw = file.readline()
    return decoder.decode(raw[max(raw.rfind(b'{"action":"'), 0) :])
