"""What stands before the application: origins, sizes, request ids, headers, and the way without keys."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from contracts.errors import SettingsError
from contracts.settings import Settings
from web.access.origins import Origins
from web.app import create_app

OURS = "https://reports.example"


def test_a_listed_origin_may_ask_and_read(
    guarded: Callable[..., Settings], ask: Any, make_key: Any, bearing: Any
) -> None:
    settings = guarded(cors_origins=f"{OURS}, http://localhost:3000")
    key = bearing(make_key(settings, "alice", "query"))

    async def body(client: httpx.AsyncClient) -> None:
        page = {"origin": OURS, "sec-fetch-site": "cross-site"}
        asked = {**page, "access-control-request-method": "POST"}
        preflight = await client.options("/query", headers=asked)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == OURS
        assert "POST" in preflight.headers["access-control-allow-methods"]
        assert "authorization" in preflight.headers["access-control-allow-headers"]
        answer = await client.post("/query", json={"sql": "SELECT 1"}, headers={**page, **key})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, OURS)
        assert "x-request-id" in answer.headers["access-control-expose-headers"]
        assert answer.headers["vary"] == "origin"
        denied = await client.get("/tables", headers=page)  # the page must be able to read why
        assert (denied.status_code, denied.headers["access-control-allow-origin"]) == (401, OURS)

    ask(settings, body)


def test_other_origins_may_not(
    guarded: Callable[..., Settings], ask: Any, make_key: Any, bearing: Any
) -> None:
    settings = guarded(cors_origins=OURS)
    key = bearing(make_key(settings, "alice", "query"))
    others = ("https://evil.example", "http://reports.example", f"{OURS}.evil.example", "null", "http://[::1")

    async def body(client: httpx.AsyncClient) -> None:
        for origin in others:
            page = {"origin": origin, "sec-fetch-site": "cross-site"}
            asked = {**page, "access-control-request-method": "POST"}
            preflight = await client.options("/query", headers=asked)
            assert (preflight.status_code, preflight.json()["code"]) == (403, "cross_site")
            answer = await client.post("/query", json={"sql": "SELECT 1"}, headers={**page, **key})
            assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
            read = await client.get("/tables", headers={**page, **key})
            assert "access-control-allow-origin" not in read.headers
            assert read.headers["vary"] == "origin"

    ask(settings, body)


@pytest.mark.parametrize("listed", ["reports.example", "https://", f"{OURS}/", "null", f"{OURS},ftp://x"])
def test_what_is_no_origin_stops_the_start(guarded: Callable[..., Settings], listed: str) -> None:
    with pytest.raises(SettingsError, match=r"access\.cors_origins"):
        Origins(guarded(cors_origins=listed))


def test_every_origin_may_be_listed_with_keys_only(guarded: Callable[..., Settings]) -> None:
    assert Origins(guarded(cors_origins="*")).allows(b"https://anywhere.example")
    with pytest.raises(SettingsError, match=r"api\.keys"):
        Origins(guarded(cors_origins="*", host="127.0.0.1"))


def test_requests_have_ids(guarded: Callable[..., Settings], ask: Any, calls: list[Any]) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        given = await client.get("/health", headers={"x-request-id": "deploy-7.a_B"})
        assert given.headers["x-request-id"] == "deploy-7.a_B"
        made = set()
        for unfit in ("", "a b", "a" * 65, "a\tb", "<script>", "é"):
            headers = {"x-request-id": unfit.encode()}
            answer = await client.get("/tables", headers=headers)
            found = answer.headers["x-request-id"]
            assert re.fullmatch("[0-9a-f]{32}", found)
            assert answer.json()["instance"] == f"urn:request:{found}"
            made.add(found)
        assert len(made) == 6
        assert {call.request for call in calls[1:]} == made

    ask(guarded(), body)


def test_problems_of_routes_have_the_request_id(
    guarded: Callable[..., Settings], ask: Any, make_key: Any, bearing: Any
) -> None:
    settings = guarded()
    headers = bearing(make_key(settings, "alice")) | {"x-request-id": "mine"}

    async def body(client: httpx.AsyncClient) -> None:
        for method, path in (("GET", "/nowhere"), ("GET", "/tables/none"), ("POST", "/query")):
            answer = await client.request(method, path, headers=headers)
            assert answer.json()["instance"] == "urn:request:mine"

    ask(settings, body)


def test_sizes_are_limited(guarded: Callable[..., Settings], ask: Any) -> None:
    settings = guarded(host="127.0.0.1", max_body_bytes=1000, max_header_bytes=1000, max_url_bytes=100)

    async def body(client: httpx.AsyncClient) -> None:
        async def answer(method: str, path: str, **content: Any) -> tuple[int, str]:
            response = await client.request(method, path, **content)
            return response.status_code, response.json()["code"]

        assert await answer("GET", "/tables?" + "x" * 100) == (414, "url_too_long")
        assert await answer("GET", "/" + "x" * 100) == (414, "url_too_long")
        assert await answer("GET", "/tables", headers={"x": "y" * 1000}) == (431, "headers_too_large")
        many = [(f"x{number}", "y") for number in range(500)]
        assert await answer("GET", "/tables", headers=many) == (431, "headers_too_large")
        assert await answer("POST", "/query", json={"sql": "x" * 1000}) == (413, "too_large")

    ask(settings, body, host="localhost")


def test_strictness_is_said_to_browsers(guarded: Callable[..., Settings], ask: Any) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        for path in ("/", "/tables", "/nowhere"):
            headers = (await client.get(path)).headers
            assert "default-src 'none'" in headers["content-security-policy"]
            assert "camera=()" in headers["permissions-policy"]
            assert headers["cache-control"] == "no-store"
            assert "strict-transport-security" not in headers
            assert len(headers.get_list("x-request-id")) == 1

    ask(guarded(), body)


def test_no_keys_beyond_loopback_only_when_told_so(
    guarded: Callable[..., Settings], ask: Any, calls: list[Any]
) -> None:
    async def asked(client: httpx.AsyncClient) -> int:
        return (await client.get("/tables")).status_code

    assert ask(guarded(), asked) == 401
    assert ask(guarded(open_to_network=True, keys=True), asked) == 401
    assert ask(guarded(host="::"), asked) == 401
    assert ask(guarded(host="platform.example"), asked) == 401
    assert ask(guarded(open_to_network=True), asked) == 200
    assert calls[-1].user == "anybody"
    assert ask(guarded(host="127.0.0.1", keys=True), asked, host="localhost") == 401
    assert ask(guarded(host="127.0.0.1"), asked, host="localhost") == 200
    assert calls[-1].user == "local"


def test_websockets_do_not_pass_unseen(guarded: Callable[..., Settings], unopened: Any) -> None:
    settings = guarded()
    guard = create_app(settings, unopened(settings))

    async def never(*message: Any) -> Any:
        raise AssertionError(message)

    scope = {"type": "websocket", "path": "/tables", "headers": [], "query_string": b""}
    asyncio.run(guard(scope, never, never))  # type: ignore[arg-type]
