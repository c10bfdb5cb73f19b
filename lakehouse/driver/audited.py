"""Commands on tables as the audit log has them: who asked for what, and what became of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

import msgspec

from contracts.errors import DependencyError
from contracts.settings import Settings
from lakehouse.audit import UNRECORDED, Recorder
from lakehouse.audit.redaction import redact
from lakehouse.driver.operations import ALL, EraseRequest, Request, name_of, perform
from lakehouse.driver.refresh import Progress
from lakehouse.medallion.rounds import Rounds
from lakehouse.persons.person import Person, Pseudonyms

Steps = Generator[Progress, None, None]

log = logging.getLogger(__name__)


def no_commits() -> None:
    """Where nobody follows the tables' commits."""


class Audited:
    """Carries commands out, and tells of them. ``catch_up`` tells of all commits so far."""

    def __init__(self, audit: Recorder = UNRECORDED, catch_up: Callable[[], None] = no_commits) -> None:
        self.audit = audit
        self._catch_up = catch_up

    def perform(self, rounds: Rounds, request: Request, user: str | None) -> Steps:
        """The request's steps. That it began is on disk before anything is changed, and what it did before
        its last step is told. Raises what ``lakehouse.driver.operations.perform`` raises, and DependencyError
        where it cannot be recorded; all of it with the first step."""
        steps = perform(rounds, request)
        yield from steps if request.dry_run else self._told(steps, request, user, rounds.settings)

    def _told(
        self, steps: Iterator[Progress], request: Request, user: str | None, settings: Settings
    ) -> Steps:
        action = f"lakehouse.{name_of(request)}"
        subject = None if request.table == ALL else request.table
        details = _asked(request, settings)
        self.audit.record_durably(action, user=user, subject=subject, details={**details, "state": "begun"})
        if isinstance(request, EraseRequest):
            # First: what is recorded of the person until the end is found by the next run.
            names, reason = Person(request.user_id).is_in, f"erasure of {details['person']}"
            details["texts"] = redact(settings, self.audit, names, user=user, reason=reason)
        began = time.monotonic()
        rows = 0
        ended = {"state": "stopped"}
        texts: dict[str, str] = {}
        try:
            for step in steps:
                rows += step.rows if step.state == "running" else 0
                if step.state == "done":
                    ended = {"state": "done"}
                    self._kept(action, user, subject, {**details, **ended, "rows": rows}, texts, began)
                yield step
        except Exception as error:
            ended = {"state": "failed", "error": type(error).__name__}
            texts = {"reason": str(error)}
            raise
        finally:
            if ended["state"] != "done":
                self._kept(action, user, subject, {**details, **ended, "rows": rows}, texts, began)

    def _kept(
        self,
        action: str,
        user: str | None,
        subject: str | None,
        details: dict[str, Any],
        texts: dict[str, str],
        began: float,
    ) -> None:
        """Its end, after its commits. What has been done is not undone because it cannot be recorded now."""
        self._catch_up()
        details["seconds"] = round(time.monotonic() - began, 3)
        self.audit.record(action, user=user, subject=subject, details=details, texts=texts)
        try:
            self.audit.flush()
        except DependencyError:
            log.exception("a command has ended, and its end is not recorded", extra={"command": action})


def _asked(request: Request, settings: Settings) -> dict[str, Any]:
    """What was asked for; of a person only a pseudonym."""
    asked: dict[str, Any] = msgspec.to_builtins(request)
    if isinstance(request, EraseRequest):
        asked["person"] = Pseudonyms(settings).of(asked.pop("user_id"))
    return {name: value for name, value in asked.items() if value is not None and name != "table"}
