"""Calls of the API as the audit log has them."""

from __future__ import annotations

from typing import Any

from lakehouse.audit import Recorder
from web.access.calls import Call

DENIALS = frozenset({401, 403, 429})
MOST_LOGINS = 10_000
"""Keys and addresses that are remembered; beyond that they are told of again."""
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class CallAudit:
    """A listener of the calls. What is asked again and again, page files and health, is told of only where it
    is denied. Takes some microseconds and never waits: entries that there is no room for are counted by the
    log, and the answers go on (docs/decisions/0014-audit.md)."""

    def __init__(self, audit: Recorder) -> None:
        self._audit = audit
        self._logins: set[tuple[str, str]] = set()

    def __call__(self, call: Call) -> None:
        denied = call.status in DENIALS
        if call.quiet and not denied:
            return
        if call.key is not None and (call.key, call.client) not in self._logins:
            self._login(call)
        details: dict[str, Any] = {
            "request": call.request,
            "method": call.method,
            "status": call.status,
            "ms": call.ms,
            "bytes": call.bytes,
            "client": call.client,
        }
        texts = {"path": call.path}
        if call.key is not None:
            details["key"] = call.key
        if call.rows is not None:
            details["rows"] = call.rows
        if call.tables:
            details["tables"] = call.tables
        if call.statement is not None:
            texts["statement"] = call.statement
        if call.code is not None:
            details["code"] = call.code
            texts["reason"] = call.reason or ""
        self._audit.record(_action(call, denied), user=call.user, details=details, texts=texts)

    def _login(self, call: Call) -> None:
        """A key's first call from an address since the API began."""
        assert call.key is not None
        if len(self._logins) >= MOST_LOGINS:
            self._logins.clear()
        self._logins.add((call.key, call.client))
        self._audit.record("api.login", user=call.user, details={"key": call.key, "client": call.client})


def _action(call: Call, denied: bool) -> str:
    if denied:
        return "api.denied"
    if call.statement is not None or call.rows is not None:
        return "api.query"
    return "api.read" if call.method in _READING else "api.change"
