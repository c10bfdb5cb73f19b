"""The file of keys, and the API's view of it."""

from __future__ import annotations

import stat
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from contracts.errors import ConflictError, ContractError, NotFound
from contracts.secrets import secret, secret_path
from contracts.settings import Settings
from web.access import tokens
from web.access.keys import FIRST_SECRET, Caller, editing_keys, keys_path, read_keys
from web.access.refusal import Refusal
from web.access.ring import KeyRing


@pytest.fixture
def settings(guarded: Callable[..., Settings]) -> Settings:
    made: Settings = guarded()
    return made


def heard(ring: KeyRing, token: str) -> str:
    """The name of a token's owner, or why it is refused."""
    found = ring.caller(f"Bearer {token}".encode())
    return found.name if isinstance(found, Caller) else found.detail


def test_a_token_is_found_by_its_id_and_kept_as_a_hash_alone(settings: Settings, make_key: Any) -> None:
    token = make_key(settings, "alice")
    key = read_keys(settings).keys[0]
    assert tokens.id_in(token) == key.id
    assert tokens.proves(token, key.hash)
    assert token.split("_", 2)[2] not in keys_path(settings).read_text()
    assert [tokens.id_in(text) for text in ("", "dp", "dp_", "dp_x", "dp_x_", "dp__x", "xx_y_z")] == [
        None
    ] * 7


def test_files_are_for_their_owner_alone(settings: Settings, make_key: Any) -> None:
    make_key(settings, "alice")
    make_key(settings, "bob")
    folder = keys_path(settings).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_nobody_loses_a_key_to_another_editor(settings: Settings, make_key: Any) -> None:
    names = [f"user{number}" for number in range(20)]
    threads = [threading.Thread(target=make_key, args=(settings, name)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(key.name for key in read_keys(settings).keys) == sorted(names)


def test_an_edit_that_fails_changes_nothing(settings: Settings, make_key: Any, clock: Any) -> None:
    make_key(settings, "alice")
    before = keys_path(settings).read_bytes()
    with pytest.raises(NotFound, match="bob"), editing_keys(settings) as keys:
        keys.create("carol", "read", now=clock.now)
        keys.revoke("bob", now=clock.now)
    assert keys_path(settings).read_bytes() == before


@pytest.mark.parametrize("name", ["", "a b", "-a", "a" * 65, "é", "first", "local", "anybody", "a\nb"])
def test_names_are_plain(settings: Settings, make_key: Any, name: str) -> None:
    with pytest.raises(ContractError):
        make_key(settings, name)


def test_a_name_is_of_one_valid_key(settings: Settings, make_key: Any, clock: Any) -> None:
    old = make_key(settings, "alice", expires_at=clock.now + timedelta(days=1))
    with pytest.raises(ConflictError, match="alice"):
        make_key(settings, "alice")
    clock.pass_by(days=1)
    new = make_key(settings, "alice")
    with editing_keys(settings) as keys:
        assert keys.revoke("alice", now=clock.now).id == tokens.id_in(new)
        assert keys.revoke(tokens.id_in(old) or "", now=clock.now).name == "alice"
        with pytest.raises(NotFound, match="revoked already"):
            keys.revoke("alice", now=clock.now)


def test_a_rotated_key_has_two_tokens_until_the_grace_ends(
    settings: Settings, make_key: Any, clock: Any
) -> None:
    def rotate(**grace: float) -> str:
        with editing_keys(settings) as keys:
            return keys.rotate("alice", now=clock.now, grace=timedelta(**grace))[1]

    first = make_key(settings, "alice", "query")
    ring = KeyRing(settings, clock)
    second = rotate(hours=24)
    assert (heard(ring, first), heard(ring, second)) == ("alice", "alice")
    clock.pass_by(hours=23)
    third = rotate(hours=24)
    assert {heard(ring, token) for token in (first, second, third)} == {"alice"}
    clock.pass_by(hours=1)
    assert heard(ring, first) == "the key has been replaced by a new one"
    assert (heard(ring, second), heard(ring, third)) == ("alice", "alice")
    fourth = rotate()  # without grace the earlier ones end as well
    assert "alice" not in {heard(ring, token) for token in (first, second, third)}
    assert heard(ring, fourth) == "alice"


def test_an_expired_key_is_rotated_with_a_new_expiry_only(
    settings: Settings, make_key: Any, clock: Any
) -> None:
    make_key(settings, "alice", expires_at=clock.now + timedelta(days=1))
    clock.pass_by(days=1)
    with editing_keys(settings) as keys:
        with pytest.raises(ConflictError, match="expired"):
            keys.rotate("alice", now=clock.now, grace=timedelta())
        ends = clock.now + timedelta(days=1)
        _, token = keys.rotate("alice", now=clock.now, grace=timedelta(), expires_at=ends)
    assert heard(KeyRing(settings, clock), token) == "alice"


def test_a_key_counts_and_ends_without_a_restart(
    settings: Settings, ask: Any, make_key: Any, bearing: Any, clock: Any
) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        token = make_key(settings, "alice")
        assert (await client.get("/tables", headers=bearing(token))).status_code == 200
        with editing_keys(settings) as keys:
            keys.revoke("alice", now=clock.now)
        answer = await client.get("/tables", headers=bearing(token))
        assert (answer.status_code, answer.json()["detail"]) == (401, "the key has been revoked")

    ask(settings, body)


def test_the_first_key_is_made_where_there_is_none_and_ends_when_revoked(
    settings: Settings, make_key: Any, clock: Any
) -> None:
    ring = KeyRing(settings, clock)
    first = secret_path(settings, FIRST_SECRET).read_text()
    assert heard(ring, first) == "first"
    make_key(settings, "alice")
    assert heard(ring, first) == "first"
    with editing_keys(settings) as keys:
        keys.first_revoked_at = clock.now
    assert heard(ring, first) == "there is no such key"
    assert heard(KeyRing(settings, clock), first) == "there is no such key"


def test_no_first_key_is_made_where_there_are_keys(settings: Settings, make_key: Any, clock: Any) -> None:
    make_key(settings, "alice")
    KeyRing(settings, clock)
    assert not secret_path(settings, FIRST_SECRET).exists()


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b'{"keys": [{"id": "a"}]}', b'{"keyes": []}', b"\xff\xfe"]
)
def test_a_damaged_file_refuses_everybody_until_it_is_mended(
    settings: Settings,
    ask: Any,
    make_key: Any,
    bearing: Any,
    damage: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    token = make_key(settings, "alice", "admin")
    first = secret(settings, FIRST_SECRET)
    path = keys_path(settings)
    good = path.read_bytes()

    async def body(client: httpx.AsyncClient) -> None:
        path.write_bytes(damage)
        for headers in (bearing(token), bearing(first), {}):
            answer = await client.get("/tables", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert str(path) not in answer.text
        assert set((await client.get("/health", headers=bearing(token))).json()) == {"status"}
        path.write_bytes(good)
        assert (await client.get("/tables", headers=bearing(token))).status_code == 200

    ask(settings, body)
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 1
    assert str(path) in errors[0]


def test_a_damaged_file_is_not_overwritten(settings: Settings, make_key: Any, clock: Any) -> None:
    make_key(settings, "alice")
    keys_path(settings).write_bytes(b"{")
    with pytest.raises(ContractError, match="damaged"):
        make_key(settings, "bob")
    assert keys_path(settings).read_bytes() == b"{"
    assert isinstance(KeyRing(settings, clock).caller(b"Bearer x"), Refusal)


def test_a_revoked_key_says_so_to_its_owner_alone(settings: Settings, make_key: Any, clock: Any) -> None:
    token = make_key(settings, "alice")
    with editing_keys(settings) as keys:
        keys.revoke("alice", now=clock.now)
    ring = KeyRing(settings, clock)
    assert heard(ring, token) == "the key has been revoked"
    assert heard(ring, token + "x") == "there is no such key"


@pytest.mark.parametrize(
    "header", [b"", b"Bearer", b"Bearer ", b"Basic x", b"bearer\t", b"\xff\xfe", b"Bearer \xff"]
)
def test_what_is_no_bearer_token_is_refused(settings: Settings, clock: Any, header: bytes) -> None:
    assert isinstance(KeyRing(settings, clock).caller(header), Refusal)


@pytest.mark.parametrize("scope", ["read", "query", "admin"])
def test_a_caller_learns_who_they_are(
    guarded: Any, ask: Any, make_key: Any, bearing: Any, scope: str
) -> None:
    settings = guarded()
    token = make_key(settings, "alice", scope)

    async def body(client: httpx.AsyncClient) -> None:
        assert (await client.get("/me")).status_code == 401
        answer = await client.get("/me", headers=bearing(token))
        assert answer.json() == {"name": "alice", "scope": scope, "keys": True}
        assert token not in answer.text

    ask(settings, body)


def test_on_loopback_everybody_is_local(guarded: Any, ask: Any) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        assert (await client.get("/me")).json() == {"name": "local", "scope": "admin", "keys": False}

    ask(guarded(host="127.0.0.1"), body, host="127.0.0.1:26010")
