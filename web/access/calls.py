"""The log of calls: one line for every request, answered or refused.

``CallLog.record`` is where all of them pass; whoever else wants to know of them subscribes there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

MOST_CHARACTERS = 4096
"""A longer statement, path or reason is cut."""

_log = logging.getLogger(__name__)


class Call(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One request and how it was answered. No header and no query string: they may hold secrets."""

    request: str
    """The request's id."""
    method: str
    path: str
    status: int | None
    """None: the client was gone before there was an answer."""
    ms: float
    bytes: int
    """Of the answer's body."""
    user: str | None
    """The key's name, `local` on loopback without keys; None for a caller that is not known."""
    client: str
    """The client's address."""
    key: str | None = None
    """The key's id."""
    statement: str | None = None
    """The SQL that was asked for."""
    rows: int | None = None
    """Rows of the answer."""
    tables: tuple[str, ...] | None = None
    """Tables that the query read."""
    code: str | None = None
    """Kind of problem, where it was answered with one."""
    reason: str | None = None
    """What the problem was."""
    quiet: bool = False


Listener = Callable[[Call], None]


class CallLog:
    """Hands every call to its listeners, the log first. Never fails: the answer has been given."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners: list[Listener] = [log_call, *listeners]

    def subscribe(self, listener: Listener) -> None:
        """``listener`` gets every call from now on. It must not block: it runs in the server's loop."""
        self._listeners.append(listener)

    def record(self, call: Call) -> None:
        for listener in self._listeners:
            try:
                listener(call)
            except Exception:  # noqa: BLE001  # whatever it is, it is logged
                _log.exception("a listener of the calls failed", extra={"request": call.request})


def log_call(call: Call) -> None:
    """Writes the line: at debug level for what is asked again and again, as a warning for what failed."""
    if call.status is None or call.status >= 500:
        level = logging.WARNING
    else:
        level = logging.DEBUG if call.quiet and call.status < 400 else logging.INFO
    if _log.isEnabledFor(level):
        fields: dict[str, Any] = msgspec.structs.asdict(call)
        extra = {name: value for name, value in fields.items() if value is not None and name != "quiet"}
        # By hand, because logging would look for the line of code that calls it, at every request.
        record = _log.makeRecord(_log.name, level, __file__, 0, "call", (), None, None, extra)
        _log.handle(record)
