"""The API's keys: one file among the secrets, which `dp keys` writes and the API reads.

Scopes are ordered: `read` sees tables, health and documents, `query` also runs SQL and reads rows, `admin`
also changes things.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from contracts.errors import ConflictError, ContractError, NotFound
from contracts.layout import secrets_folder
from contracts.settings import Settings
from web.access import tokens

Scope = Literal["read", "query", "admin"]
RANKS: dict[str, int] = {"read": 0, "query": 1, "admin": 2}
Moment = Annotated[datetime, Meta(tz=True)]
State = Literal["valid", "expired", "revoked"]

FILE_NAME = "api-keys.json"
FIRST_SECRET = "api-key"
"""Secret that is the token of the first key, made where keys are asked for and none has been created yet."""
FIRST = "first"
"""The first key's name."""
LOCAL = "local"
"""Name of everybody on loopback where no keys are asked for."""

ANYBODY = "anybody"
"""Their name on another address that was opened without keys."""
_RESERVED = (FIRST, LOCAL, ANYBODY)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class Caller(Struct, frozen=True, kw_only=True):
    """Who asks: the owner of a key, or everybody where no keys are asked for."""

    name: str
    scope: Scope
    key: str | None = None
    """The key's id."""
    requests_per_second: float | None = None
    """0: no limit; None: the setting's."""


class Previous(Struct, kw_only=True, forbid_unknown_fields=True):
    """A token that a rotation has replaced."""

    hash: str
    until: Moment


class Key(Struct, kw_only=True, forbid_unknown_fields=True):
    """One key. ``name`` is the user's in the log of calls."""

    id: str
    name: str
    scope: Scope
    hash: str
    created_at: Moment
    expires_at: Moment | None = None
    revoked_at: Moment | None = None
    rotated_at: Moment | None = None
    requests_per_second: float | None = None
    """0: no limit; None: the setting's."""
    previous: list[Previous] = field(default_factory=list)

    def state(self, now: datetime) -> State:
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "valid"


class Keys(Struct, kw_only=True, forbid_unknown_fields=True):
    """The file's content."""

    first_revoked_at: Moment | None = None
    keys: list[Key] = field(default_factory=list)

    def create(
        self,
        name: str,
        scope: Scope,
        *,
        now: datetime,
        expires_at: datetime | None = None,
        requests_per_second: float | None = None,
    ) -> tuple[Key, str]:
        """A new key and its token.

        Raises ContractError for what is no name, ConflictError where a valid key has the name.
        """
        if not _NAME.fullmatch(name) or name in _RESERVED:
            raise ContractError(
                f"{name!r} cannot be a key's name: letters, digits and ._@- (64 at most), "
                f"and none of {', '.join(_RESERVED)}"
            )
        if any(key.name == name and key.state(now) == "valid" for key in self.keys):
            raise ConflictError(f"there is a key named {name} already: rotate or revoke it")
        key_id = tokens.new_id()
        token = tokens.new_token(key_id)
        key = Key(
            id=key_id,
            name=name,
            scope=scope,
            hash=tokens.hash_of(token),
            created_at=now,
            expires_at=expires_at,
            requests_per_second=requests_per_second,
        )
        self.keys.append(key)
        return key, token

    def rotate(
        self, name_or_id: str, *, now: datetime, grace: timedelta, expires_at: datetime | None = None
    ) -> tuple[Key, str]:
        """A new token for a key; the old one is valid until ``grace`` has passed.

        Without grace every earlier token ends as well, also one that an earlier rotation left valid.
        Raises NotFound; ConflictError for a key that has expired and gets no new expiry.
        """
        key = self.find(name_or_id)
        if expires_at is not None:
            key.expires_at = expires_at
        if key.state(now) == "expired":
            raise ConflictError(f"the key {key.name} has expired: give it a new expiry")
        ends = now + grace
        kept = [Previous(hash=old.hash, until=min(old.until, ends)) for old in key.previous]
        kept.append(Previous(hash=key.hash, until=ends))
        key.previous = [old for old in kept if old.until > now]
        token = tokens.new_token(key.id)
        key.hash = tokens.hash_of(token)
        key.rotated_at = now
        return key, token

    def revoke(self, name_or_id: str, *, now: datetime) -> Key:
        """Ends a key at once. Raises NotFound."""
        key = self.find(name_or_id)
        key.revoked_at = now
        key.previous = []
        return key

    def find(self, name_or_id: str) -> Key:
        """The key of that id, else the newest of that name, unless it is revoked. Raises NotFound."""
        found = [key for key in self.keys if key.id == name_or_id]
        found = found or [key for key in self.keys if key.name == name_or_id]
        for key in reversed(found):
            if key.revoked_at is None:
                return key
        if found:
            raise NotFound(f"the key {name_or_id} is revoked already")
        raise NotFound(f"there is no key {name_or_id}; `dp keys list` shows those that are")


def keys_path(settings: Settings) -> Path:
    return secrets_folder(settings) / FILE_NAME


def read_keys(settings: Settings) -> Keys:
    """The file's content; no keys where there is no file. Raises ContractError for a damaged file."""
    path = keys_path(settings)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Keys)
    except FileNotFoundError:
        return Keys()
    except OSError as error:
        raise ContractError(f"the key file {path} cannot be read ({error.strerror})") from error
    except msgspec.DecodeError as error:
        raise ContractError(f"the key file {path} is damaged ({error})") from error


@contextmanager
def editing_keys(settings: Settings) -> Iterator[Keys]:
    """The file's content, written back when the block ends without an error; one editor at a time.

    Raises ContractError for a damaged file, which stays as it is.
    """
    path = keys_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    lock = os.open(path.with_name(f".{FILE_NAME}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        keys = read_keys(settings)
        yield keys
        fresh = path.with_name(f".{FILE_NAME}.fresh")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(keys), indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        os.close(lock)
