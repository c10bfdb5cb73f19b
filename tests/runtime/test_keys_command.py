"""`dp keys`, as a person and as a program use it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from contracts.secrets import secret, secret_path
from contracts.settings import Paths, Settings
from runtime.cli import main
from web.access import tokens
from web.access.keys import FIRST_SECRET, Caller, keys_path, read_keys
from web.access.ring import KeyRing


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(paths=Paths(data=str(tmp_path)))


@pytest.fixture
def dp(settings: Settings) -> Any:
    def run(*arguments: str, **values: str) -> Result:
        flags = [part for key, value in values.items() for part in ("--set", f"{key}={value}")]
        told = ["--set", f"paths.data={settings.data_root}", *flags, "keys", *arguments]
        return CliRunner().invoke(main, told, prog_name="dp", catch_exceptions=False)

    return run


def owner(settings: Settings, token: str) -> str | None:
    found = KeyRing(settings).caller(f"Bearer {token}".encode())
    return found.name if isinstance(found, Caller) else None


def test_the_token_alone_is_on_stdout(dp: Any, settings: Settings) -> None:
    made = dp("create", "alice", "--scope", "query", "--expires", "90d", "--rate", "20")
    assert made.exit_code == 0
    token = made.stdout.removesuffix("\n")
    assert owner(settings, token) == "alice"
    assert token not in made.stderr
    (key,) = read_keys(settings).keys
    assert (key.scope, key.requests_per_second) == ("query", 20)
    assert key.expires_at is not None
    assert abs(key.expires_at - datetime.now(UTC) - timedelta(days=90)) < timedelta(hours=1)
    told = json.loads(dp("create", "bob", "--scope", "read", "--json").stdout)
    assert owner(settings, told["token"]) == "bob"
    assert (told["scope"], told["state"], told["expires_at"]) == ("read", "valid", None)


def test_a_list_shows_no_token_and_no_hash(dp: Any, settings: Settings) -> None:
    token = dp("create", "alice", "--scope", "admin").stdout.strip()
    for arguments in (("list",), ("list", "--json")):
        shown = dp(*arguments).stdout
        assert "alice" in shown
        assert token.split("_", 2)[2] not in shown
        assert tokens.hash_of(token) not in shown
    rows = {row["name"]: row for row in json.loads(dp("list", "--json").stdout)}
    assert (rows["first"]["state"], rows["alice"]["state"]) == ("not made", "valid")


def test_the_first_key_is_shown_and_ended(dp: Any, settings: Settings) -> None:
    first = secret(settings, FIRST_SECRET)
    assert owner(settings, first) == "first"
    dp("create", "alice", "--scope", "admin")
    assert "The first key, which was made at the start, is still valid" in dp("list").stdout
    assert dp("revoke", "first").exit_code == 0
    assert owner(settings, first) is None
    assert "still valid" not in dp("list").stdout
    # Also should the file of keys be lost.
    keys_path(settings).unlink()
    assert owner(settings, first) is None
    assert secret_path(settings, FIRST_SECRET).read_text() != first


def test_rotating_and_revoking(dp: Any, settings: Settings) -> None:
    old = dp("create", "alice", "--scope", "read").stdout.strip()
    new = dp("rotate", "alice", "--grace", "2h").stdout.strip()
    assert (owner(settings, old), owner(settings, new)) == ("alice", "alice")
    newest = dp("rotate", tokens.id_in(new) or "", "--grace", "0").stdout.strip()
    assert (owner(settings, old), owner(settings, new), owner(settings, newest)) == (None, None, "alice")
    assert dp("revoke", "alice").exit_code == 0
    assert owner(settings, newest) is None
    row = json.loads(dp("list", "--json").stdout)[1]
    assert (row["state"], row["revoked_at"] is None) == ("revoked", False)


def test_whoever_locks_all_out_is_told(dp: Any) -> None:
    asked = {"api.keys": "true"}
    assert "asks for no key now" not in dp("create", "root", "--scope", "admin", **asked).stderr
    assert "No key with the scope admin is left" in dp("revoke", "root", **asked).stderr
    assert "asks for no key now" in dp("create", "root", "--scope", "admin").stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("create", "a b", "--scope", "read"), 1, "cannot be a key's name"),
        (("create", "carol", "--scope", "write"), 2, "'write' is not one of"),
        (("create", "carol"), 2, "--scope"),
        (("create", "carol", "--scope", "read", "--expires", "2020-01-01"), 2, "is not ahead of now"),
        (("create", "carol", "--scope", "read", "--expires", "90"), 2, "is no length of time"),
        (("create", "carol", "--scope", "read", "--expires", "99999999999999d"), 2, "is too long"),
        (("create", "carol", "--scope", "read", "--expires", "9999999d"), 2, "is too long"),
        (("create", "carol", "--scope", "read", "--expires", "soon"), 2, "is no time"),
        (("create", "carol", "--scope", "read", "--rate", "-1"), 2, "--rate"),
        (("create", "alice", "--scope", "read"), 4, "there is a key named alice already"),
        (("rotate", "nobody"), 5, "there is no key nobody"),
        (("rotate", "alice", "--grace", "9999999d"), 2, "is too long"),
        (("revoke", "nobody"), 5, "there is no key nobody"),
    ],
)
def test_mistakes_are_told(dp: Any, arguments: tuple[str, ...], code: int, message: str) -> None:
    dp("create", "alice", "--scope", "read")
    result = dp(*arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert result.stdout == ""


def test_a_damaged_file_is_said_to_be_one(dp: Any, settings: Settings) -> None:
    dp("create", "alice", "--scope", "read")
    keys_path(settings).write_bytes(b"{")
    for arguments in (("list",), ("create", "bob", "--scope", "read"), ("revoke", "alice")):
        result = dp(*arguments)
        assert result.exit_code == 1
        assert "is damaged" in result.stderr
