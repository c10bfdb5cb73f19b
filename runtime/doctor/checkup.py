"""Goes through the checklist: all lines at the same time, each within its limit."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from msgspec import Struct, field

from contracts.errors import PlatformError
from runtime.doctor.evidence import Evidence
from runtime.doctor.line import Answer, Area, Line, Status, red

log = logging.getLogger(__name__)

FORMAT = 1
"""Of the JSON document. A field that goes, or means something else, makes it another."""
AT_ONCE = 8
"""Lines that are looked at side by side."""
_RANKS: dict[Status, int] = {"skipped": 0, "green": 1, "warning": 2, "red": 3}


class Checked(Struct, frozen=True, kw_only=True):
    """One line, and what was found."""

    area: Area
    line: str
    holds: str
    status: Status
    measured: str
    repair: str
    """What to do; empty where nothing is to be done."""
    page: str
    """Page of the documentation; empty where nothing is to be done."""
    seconds: float


class Checkup(Struct, frozen=True, kw_only=True):
    """The document of `dp doctor --json`."""

    format: int = FORMAT
    at: datetime
    version: str
    data: str
    engine: str
    green: bool
    """Whether no line is red."""
    seconds: float
    lines: list[Checked] = field(default_factory=list)

    def worst_of(self, area: Area) -> Status:
        return max((one.status for one in self.lines if one.area == area), key=_RANKS.__getitem__)


def go_through(evidence: Evidence, lines: Sequence[Line]) -> Iterator[Checked]:
    """Every line, in the order in which they are answered. Never waits longer than the limits say, counted
    from a line's own start; a line that hangs is left behind."""
    waiting = list(reversed(lines))
    running: list[_Running] = []
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            running.append(_Running(evidence, waiting.pop()))
        first = min(running, key=lambda one: one.deadline)
        first.ended.wait(min(0.05, max(first.deadline - time.monotonic(), 0.0)))
        for one in [one for one in running if one.is_over]:
            running.remove(one)
            yield one.checked()


class _Running:
    """A line that is being looked at, in a thread that nobody has to wait for."""

    def __init__(self, evidence: Evidence, line: Line) -> None:
        self._line = line
        self._evidence = evidence
        self._answer: Answer | None = None
        self._started = time.monotonic()
        self.deadline = self._started + line.seconds
        self.ended = threading.Event()
        threading.Thread(target=self._look, name=f"doctor {line.name}", daemon=True).start()

    @property
    def is_over(self) -> bool:
        return self.ended.is_set() or time.monotonic() >= self.deadline

    def checked(self) -> Checked:
        line, answer = self._line, self._answer
        if answer is None:
            answer = Answer(status=line.overdue, measured=f"no answer within {line.seconds:.0f} s")
        is_well = answer.status in ("green", "skipped")
        return Checked(
            area=line.area,
            line=line.name,
            holds=line.holds,
            status=answer.status,
            measured=" ".join(answer.measured.split()),
            repair="" if is_well else answer.repair or line.repair,
            page="" if is_well else line.page,
            seconds=round(time.monotonic() - self._started, 3),
        )

    def _look(self) -> None:
        try:
            self._answer = self._line.look(self._evidence)
        except PlatformError as error:
            self._answer = red(str(error))
        except Exception as error:
            log.debug("line %s failed", self._line.name, exc_info=True)
            reason = (str(error) or type(error).__name__).splitlines()[0]
            self._answer = red(f"cannot be looked at: {type(error).__name__}: {reason}")
        finally:
            self.ended.set()


def check_up(evidence: Evidence, lines: Sequence[Line], version: str) -> Checkup:
    """The whole document, lines in the order of the checklist."""
    began = time.monotonic()
    at = datetime.now(UTC)
    found = list(go_through(evidence, lines))
    place = {line.name: number for number, line in enumerate(lines)}
    found.sort(key=lambda one: place[one.line])
    return Checkup(
        at=at,
        version=version,
        data=str(evidence.settings.data_root),
        engine=evidence.engine,
        green=all(one.status != "red" for one in found),
        seconds=round(time.monotonic() - began, 3),
        lines=found,
    )
