"""Who else hears of alerts: a listener is called when one fires, is over, is silenced, or no longer is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Literal

from msgspec import Struct

log = logging.getLogger(__name__)


class Announcement(Struct, frozen=True, kw_only=True):
    """One thing that has happened."""

    kind: Literal["fired", "resolved", "silenced", "unsilenced"]
    at: datetime
    rule: str
    subject: str
    says: str
    """The alert's sentence, or why it is silenced."""
    by: str = ""
    """Who has silenced it; empty: nobody, it happened."""


Listener = Callable[[Announcement], None]


class Announcements:
    """Passes announcements on. A listener that fails is logged and holds up nobody."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def announce(self, announcement: Announcement) -> None:
        for listener in self._listeners:
            try:
                listener(announcement)
            except Exception:
                log.exception("a listener to alerts failed")
