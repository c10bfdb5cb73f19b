"""The API's view of the keys: who sends a request, by its Authorization header.

The file is looked at before every answer (one `stat`), so that a key that was created or revoked counts at
once. A file that cannot be read refuses everybody: it never opens anything.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime

from msgspec import Struct

from contracts.errors import ContractError
from contracts.secrets import secret, secret_path
from contracts.settings import Settings
from web.access import tokens
from web.access.keys import FIRST, FIRST_SECRET, Caller, Key, keys_path, read_keys
from web.access.refusal import Refusal

Clock = Callable[[], datetime]

_log = logging.getLogger(__name__)

_CHALLENGE = {"WWW-Authenticate": "Bearer"}
_NONE_GIVEN = Refusal("unauthorized", "this server needs a key: Authorization: Bearer <key>", _CHALLENGE)
_UNKNOWN = Refusal("unauthorized", "there is no such key", _CHALLENGE)
_REVOKED = Refusal("unauthorized", "the key has been revoked", _CHALLENGE)
_EXPIRED = Refusal("unauthorized", "the key has expired", _CHALLENGE)
_REPLACED = Refusal("unauthorized", "the key has been replaced by a new one", _CHALLENGE)
_UNREADABLE = Refusal("unavailable", "the keys cannot be read; the server's log says why")

_Stamp = tuple[int, int, int] | None


def utc_now() -> datetime:
    return datetime.now(UTC)


class _Entry(Struct, frozen=True):
    caller: Caller
    key: Key


class KeyRing:
    """All keys, as the file has them now."""

    def __init__(self, settings: Settings, clock: Clock = utc_now) -> None:
        self._settings = settings
        self._clock = clock
        self._place = str(keys_path(settings))
        self._entries: dict[str, _Entry] | None = None
        self._first: str | None = None
        self._first_revoked = False
        self._stamp: _Stamp = None
        self._load()
        if self._has_none():
            secret(settings, FIRST_SECRET)  # made here: somebody must be able to ask at all
            self._load()

    def caller(self, authorization: bytes | None) -> Caller | Refusal:
        """Who sends this header, or why it is refused."""
        if self._changed():
            self._load()
        if self._entries is None:
            return _UNREADABLE
        if authorization is None:
            return _NONE_GIVEN
        scheme, _, given = authorization.decode("latin-1").partition(" ")
        token = given.strip()
        if scheme.lower() != "bearer" or not token:
            return _NONE_GIVEN
        entry = self._entries.get(tokens.id_in(token) or "")
        if entry is not None:
            return self._judged(entry, token)
        if self._first is not None and tokens.proves(token, self._first):
            return _FIRST_CALLER
        return _UNKNOWN

    def _has_none(self) -> bool:
        return self._entries == {} and self._first is None and not self._first_revoked

    def _judged(self, entry: _Entry, token: str) -> Caller | Refusal:
        """What is wrong with a key is said to its owner alone."""
        key, now = entry.key, self._clock()
        if not tokens.proves(token, key.hash):
            old = next((old for old in key.previous if tokens.proves(token, old.hash)), None)
            if old is None:
                return _UNKNOWN
            if old.until <= now:
                return _REPLACED
        match key.state(now):
            case "revoked":
                return _REVOKED
            case "expired":
                return _EXPIRED
            case "valid":
                return entry.caller

    def _changed(self) -> bool:
        return self._stamp != self._stamped()

    def _stamped(self) -> _Stamp:
        try:
            found = os.stat(self._place)  # noqa: PTH116  # at every request: half of what a Path takes
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _load(self) -> None:
        self._stamp = self._stamped()  # before the reading: what changes in between is read again
        try:
            keys = read_keys(self._settings)
        except ContractError as error:
            self._entries = self._first = None
            _log.error("every request is refused: %s", error)
            return
        self._entries = {key.id: _Entry(_caller_of(key), key) for key in keys.keys}
        self._first_revoked = keys.first_revoked_at is not None
        self._first = None if self._first_revoked else self._first_hash()

    def _first_hash(self) -> str | None:
        try:
            token = secret_path(self._settings, FIRST_SECRET).read_text("ascii").strip()
        except FileNotFoundError:
            return None
        return tokens.hash_of(token) if token else None


_FIRST_CALLER = Caller(name=FIRST, scope="admin", key=FIRST)


def _caller_of(key: Key) -> Caller:
    return Caller(name=key.name, scope=key.scope, key=key.id, requests_per_second=key.requests_per_second)
