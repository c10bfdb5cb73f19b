"""Silences: alerts that nobody is told of for a while, with who said so and why.

They lie in `alerts/silences.json`, which the command line and the API write and the monitor reads.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from contracts.errors import ContractError, NotFound
from contracts.settings import Settings
from lakehouse.alerts.announcements import Announcement, Announcements
from lakehouse.alerts.files import alerts_folder, replace
from lakehouse.alerts.rules import RULES

LONGEST = timedelta(days=90)
MOST = 500
"""Silences at a time; those that are over do not count."""
REASON_LENGTH = 300
NAME_LENGTH = 200


class Silence(Struct, frozen=True, kw_only=True):
    """Matches alerts by rule and subject; both may have wildcards (`table_*`)."""

    id: str
    rule: str
    subject: str = "*"
    until: datetime
    by: str
    reason: str
    created_at: datetime

    def matches(self, rule: str, subject: str) -> bool:
        return fnmatchcase(rule, self.rule) and fnmatchcase(subject, self.subject)


def silences_path(settings: Settings) -> Path:
    return alerts_folder(settings) / "silences.json"


def read_silences(settings: Settings, now: datetime) -> list[Silence]:
    """Those that hold at ``now``, the earliest first. Raises ContractError for a damaged file."""
    path = silences_path(settings)
    try:
        every = msgspec.json.decode(path.read_bytes(), type=list[Silence])
    except FileNotFoundError:
        return []
    except msgspec.DecodeError as error:
        raise ContractError(f"the file of silences {path} is damaged ({error})") from error
    return [silence for silence in every if silence.until > now]


def add_silence(
    settings: Settings,
    rule: str,
    subject: str,
    *,
    lasts: timedelta,
    by: str,
    reason: str,
    now: datetime,
    announcements: Announcements | None = None,
) -> Silence:
    """Makes it known; durable when it returns. Raises NotFound for a rule that is none, and ContractError for
    what may not be."""
    if not any(fnmatchcase(name, rule) for name in RULES):
        raise NotFound(f"there is no rule {rule!r}; rules: {', '.join(RULES)}")
    if not timedelta(0) < lasts <= LONGEST:
        raise ContractError(f"a silence lasts up to {LONGEST.days} days, and not {lasts}")
    reason, subject = reason.strip(), subject.strip() or "*"
    for name, text, most in (("reason", reason, REASON_LENGTH), ("subject", subject, NAME_LENGTH)):
        if not text or len(text) > most or not text.isprintable():
            raise ContractError(f"{name}: expected 1 to {most} printable characters")
    silence = Silence(
        id=uuid.uuid4().hex[:8],
        rule=rule,
        subject=subject,
        until=now + lasts,
        by=by,
        reason=reason,
        created_at=now,
    )
    with _editing(settings, now) as silences:
        if len(silences) >= MOST:
            raise ContractError(f"there are {MOST} silences already")
        silences.append(silence)
    _announce(announcements, "silenced", silence, by, now)
    return silence


def remove_silence(
    settings: Settings,
    silence_id: str,
    *,
    by: str,
    now: datetime,
    announcements: Announcements | None = None,
) -> Silence:
    """Ends it. Raises NotFound."""
    with _editing(settings, now) as silences:
        found = [silence for silence in silences if silence.id == silence_id]
        if not found:
            raise NotFound(f"there is no silence {silence_id!r} that holds; `dp alerts list` shows them")
        silences.remove(found[0])
    _announce(announcements, "unsilenced", found[0], by, now)
    return found[0]


def _announce(
    announcements: Announcements | None,
    kind: Literal["silenced", "unsilenced"],
    silence: Silence,
    by: str,
    now: datetime,
) -> None:
    if announcements is not None:
        announcements.announce(
            Announcement(
                kind=kind, at=now, rule=silence.rule, subject=silence.subject, says=silence.reason, by=by
            )
        )


@contextmanager
def _editing(settings: Settings, now: datetime) -> Iterator[list[Silence]]:
    """Those that hold, written back when the block ends without an error; one editor at a time."""
    path = silences_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path.with_name(".silences.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        silences = read_silences(settings, now)
        yield silences
        replace(path, silences)
    finally:
        os.close(lock)
