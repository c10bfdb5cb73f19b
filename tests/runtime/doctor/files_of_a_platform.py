"""Lines looked at one by one, over a platform that is made of files."""

from __future__ import annotations

from pathlib import Path

from contracts.settings import Settings
from runtime.doctor.checklist import lines_of
from runtime.doctor.checkup import Checked, go_through
from runtime.doctor.evidence import Evidence


def look(name: str, settings: Settings, root: Path | None = None, **options: object) -> Checked:
    """One line, now."""
    (line,) = (line for line in lines_of() if line.name == name)
    (found,) = go_through(Evidence(settings, root=root, **options), [line])  # type: ignore[arg-type]
    return found
