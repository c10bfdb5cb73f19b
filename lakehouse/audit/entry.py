"""What is said of one operation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct, field

OPENED = "audit.opened"
"""A process's first line, and the first of each day: what it follows."""
CLOSED = "audit.closed"
"""The last line of a process that stopped in order."""
LOST = "audit.lost"
"""Entries that could not be kept, as the log could not be written for too long."""
REDACTED = "audit.redacted"
"""Texts that were taken away."""
RETAINED = "audit.retained"
"""Old days that were removed."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class Entry(Struct, frozen=True, kw_only=True, gc=False):
    """One operation."""

    action: str
    """Words with a dot between: `table.write`, `api.query`, `keys.revoked`."""
    user: str | None = None
    """Who asked for it; None: the service itself, by its own rules."""
    subject: str | None = None
    """The table, key or job that it is about."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else belongs to it, as JSON. Nothing that may name a person: it stays for good."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Texts that others wrote (a statement, a path, a reason). They may name persons, and can be redacted."""
    at: datetime = field(default_factory=utc_now)
