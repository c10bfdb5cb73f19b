"""What a line of the checklist is, and what is answered to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from runtime.doctor.evidence import Evidence

Area = Literal["infrastructure", "data-flow", "quality", "operations", "documentation"]
Status = Literal["green", "warning", "red", "skipped"]
"""``warning``: somebody should know, and nothing is broken. ``skipped``: there is nothing to look at here."""
SECONDS = 8.0
"""For what a service has to answer."""
JUDGED_SECONDS = 45.0
"""For what is computed here from files: on a busy machine, or of many tables, that takes a while."""


class Answer(Struct, frozen=True, kw_only=True):
    """What was found."""

    status: Status
    measured: str
    """Numbers, addresses, ages: one line."""
    repair: str = ""
    """What to do; empty: what the line says."""


class Line(Struct, frozen=True, kw_only=True):
    """One line of the checklist, declared once."""

    name: str
    area: Area
    holds: str
    """What has to be so."""
    measures: str
    """How that is found out."""
    repair: str
    """What to do when it is red: a command, or the setting at fault."""
    page: str
    """Page of the documentation that says more."""
    look: Callable[[Evidence], Answer]
    """Raises PlatformError where what is looked at does not answer: the line is red then."""
    seconds: float = SECONDS
    """Its time limit."""
    overdue: Status = "red"
    """What it is when the limit has passed."""


def green(measured: str) -> Answer:
    return Answer(status="green", measured=measured)


def warning(measured: str, repair: str = "") -> Answer:
    return Answer(status="warning", measured=measured, repair=repair)


def red(measured: str, repair: str = "") -> Answer:
    return Answer(status="red", measured=measured, repair=repair)


def skipped(why: str) -> Answer:
    return Answer(status="skipped", measured=why)
