"""The log of calls: who asked what, and how it was answered; and never a secret."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from contracts.logs import JsonFormatter
from contracts.secrets import secret
from contracts.settings import Settings
from web.access.calls import MOST_CHARACTERS, Call, CallLog
from web.access.guard import Guard
from web.access.keys import FIRST_SECRET
from web.access.scopes import Places
from web.answers import ROWS


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """Everything that is logged, as the log has it."""
    found: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(self.format(record))

    handler, root = Kept(), logging.getLogger()
    handler.setFormatter(JsonFormatter("test"))
    level = root.level
    handler.addFilter(lambda record: record.name != "httpx")  # the client of these tests
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield found
    root.removeHandler(handler)
    root.setLevel(level)


def logged(lines: list[str]) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, lines) if line["message"] == "call"]


def test_a_call_is_one_line(
    guarded: Callable[..., Settings], ask: Any, make_key: Any, bearing: Any, lines: list[str]
) -> None:
    settings = guarded()
    token = make_key(settings, "alice", "query")

    async def body(client: httpx.AsyncClient) -> httpx.Response:
        headers = {**bearing(token), "x-request-id": "mine"}
        return await client.post("/query", json={"sql": "SELECT 41 + 1 AS n"}, headers=headers)

    answer = ask(settings, body)
    (line,) = logged(lines)
    assert line.pop("ms") > 0
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "info",
        "service": "test",
        "message": "call",
        "logger": "web.access.calls",
        "request": "mine",
        "method": "POST",
        "path": "/query",
        "status": 200,
        "bytes": len(answer.content),
        "user": "alice",
        "key": token.split("_")[1],
        "client": "127.0.0.1",
        "statement": "SELECT 41 + 1 AS n",
        "rows": 1,
    }


def test_denials_say_who_and_why(
    guarded: Callable[..., Settings], ask: Any, make_key: Any, bearing: Any, calls: list[Call]
) -> None:
    settings = guarded()
    reader = bearing(make_key(settings, "reader"))
    slow = bearing(make_key(settings, "slow", "query", requests_per_second=0.001))

    async def body(client: httpx.AsyncClient) -> None:
        await client.get("/tables")
        await client.post("/query", json={"sql": "SELECT 1"}, headers=reader)
        await client.post("/query", json={"sql": "DROP TABLE x"}, headers=slow)
        await client.get("/tables", headers=slow)
        await client.get("/tables", headers={"sec-fetch-site": "cross-site"})

    ask(settings, body)
    assert [(call.status, call.user, call.code, call.statement) for call in calls] == [
        (401, None, "unauthorized", None),
        (403, "reader", "forbidden", None),
        (403, "slow", "refused", "DROP TABLE x"),
        (429, "slow", "rate_limited", None),
        (401, None, "unauthorized", None),
    ]
    assert all(call.reason for call in calls)


def test_rows_are_what_the_route_says(guarded: Callable[..., Settings], calls: list[Call]) -> None:
    async def route(scope: Any, receive: Any, send: Any) -> None:
        scope["state"][ROWS] = 7
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"abc", "more_body": True})
        await send({"type": "http.response.body", "body": b"de"})

    async def nothing(*message: Any) -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    none = Places(exact=frozenset(), below=())
    guard = Guard(
        route,
        guarded(host="127.0.0.1"),
        keys=None,
        open_places=none,
        quiet_places=none,
        calls=CallLog(calls.append),
    )
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/x",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "client": ("192.0.2.1", 5),
    }
    asyncio.run(guard(scope, nothing, nothing))  # type: ignore[arg-type]
    assert (calls[0].rows, calls[0].bytes, calls[0].client) == (7, 5, "192.0.2.1")


def test_no_secret_is_ever_logged(
    guarded: Callable[..., Settings], ask: Any, make_key: Any, bearing: Any, lines: list[str]
) -> None:
    settings = guarded()
    token = make_key(settings, "alice", "query")
    first = secret(settings, FIRST_SECRET)

    async def body(client: httpx.AsyncClient) -> None:
        for headers in (bearing(token), bearing(first), bearing(token + "x"), bearing("guess")):
            await client.get("/tables", params={"token": token}, headers=headers)
            await client.post("/query", json={"sql": "SELECT 1"}, headers=headers)
            await client.get("/tables/none", headers={**headers, "x-request-id": token})

    ask(settings, body)
    assert len(logged(lines)) == 12
    text = "\n".join(lines)
    for secret_part in (token.split("_", 2)[2], first, "guess"):
        assert secret_part not in text


def test_long_statements_are_cut(
    guarded: Callable[..., Settings], ask: Any, calls: list[Call], make_key: Any, bearing: Any
) -> None:
    settings = guarded()
    headers = bearing(make_key(settings, "alice", "query"))
    sql = "SELECT '" + "x" * 10_000 + "'"

    async def body(client: httpx.AsyncClient) -> None:
        await client.post("/query", json={"sql": sql}, headers=headers)

    ask(settings, body)
    assert calls[0].statement == sql[:MOST_CHARACTERS]


def test_what_is_asked_all_the_time_is_quiet_while_it_is_well(
    guarded: Callable[..., Settings], ask: Any, lines: list[str]
) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        for path in ("/", "/docs/docs.js", "/health", "/tables"):
            await client.get(path)

    ask(guarded(), body)
    assert [(line["path"], line["level"]) for line in logged(lines)] == [
        ("/", "debug"),
        ("/docs/docs.js", "debug"),
        ("/health", "debug"),
        ("/tables", "info"),
    ]


def test_a_subscriber_that_fails_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def broken(call: Call) -> None:
        raise RuntimeError("full")

    seen: list[Call] = []
    log = CallLog(broken)
    log.subscribe(seen.append)
    call = Call(request="r", method="GET", path="/", status=200, ms=1.0, bytes=0, user="local", client="::1")
    log.record(call)
    assert seen == [call]
    assert "a listener of the calls failed" in caplog.text
