"""What the client makes of refusals, outages and broken streams. Its server is a function."""

from __future__ import annotations

import asyncio
import inspect
import logging
import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest

import dataplatform_client as package
from dataplatform_client import (
    ApiError,
    AsyncClient,
    Client,
    ConnectionFailed,
    DataPlatformError,
    Forbidden,
    InvalidQuery,
    NoAnswerInTime,
    NotFound,
    QueryTimeout,
    QueryTooLarge,
    RateLimited,
    Retries,
    Unauthorized,
    Unavailable,
)

QUICK = Retries(attempts=3, first_seconds=0.0)
KEY = "dp_0123456789ab_secret"
MOMENT = b'event: moment\nid: 1\ndata: {"at":1.0,"services":[],"sources":[],"versions":{"t":1},"new":1}\n\n'


def problem(status: int, code: str, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
    body = {"type": f"/problems/{code}", "title": "t", "status": status, "detail": "why", "code": code} | more
    return httpx.Response(status, json=body, headers={"x-request-id": "r1", **(headers or {})})


class Server:
    """Answers what it is given, one after another, the last for ever; keeps the requests."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def asked(server: Server, ask: Callable[[Any], Any], **options: Any) -> Any:
    """What the client makes of the server; the asynchronous one has to make the same of it."""
    options = {"url": "http://x", "retries": QUICK, "transport": httpx.MockTransport(server)} | options

    def synchronously() -> Any:
        with Client(**options) as client:
            found = ask(client)
            return next(found) if inspect.isgenerator(found) else found

    async def asynchronously() -> Any:
        async with AsyncClient(**options) as client:
            found = ask(client)
            return await (anext(found) if inspect.isasyncgen(found) else found)

    answers = list(server.answers)
    first = outcome(lambda: asyncio.run(asynchronously()))
    server.answers = answers
    server.requests.clear()
    second = outcome(synchronously)
    if isinstance(second, DataPlatformError):
        assert (type(first), str(first)) == (type(second), str(second))
        raise second
    assert first == second
    return second


def outcome(attempt: Callable[[], Any]) -> Any:
    try:
        return attempt()
    except DataPlatformError as error:
        return error


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "bad_request", InvalidQuery),
        (400, "invalid", InvalidQuery),
        (401, "unauthorized", Unauthorized),
        (403, "forbidden", Forbidden),
        (403, "refused", InvalidQuery),
        (404, "not_found", NotFound),
        (408, "timeout", QueryTimeout),
        (413, "memory", QueryTooLarge),
        (422, "contract", InvalidQuery),
        (429, "rate_limited", RateLimited),
        (500, "internal", ApiError),
        (503, "busy", Unavailable),
    ],
)
def test_problems_become_errors(status: int, code: str, kind: type[ApiError]) -> None:
    position = {"offset": 7, "line": 1, "column": 8}
    server = Server(problem(status, code, position=position, suggestions=["a", "b"], new_field=1))
    with pytest.raises(kind) as raised:
        asked(server, lambda client: client.query_rows("SELECT x"), retries=Retries(attempts=1))
    error = raised.value
    assert type(error) is kind
    assert (error.code, error.status, error.detail, error.request_id) == (code, status, "why", "r1")
    assert error.position is not None and error.position.column == 8
    assert error.suggestions == ("a", "b")
    assert str(error) == f"why (line 1, column 8); near: a, b [{code}, request r1]"


def test_a_proxys_page_is_an_error_too() -> None:
    page = httpx.Response(502, text="<html>Bad Gateway</html>")
    with pytest.raises(ApiError, match="HTTP 502"):
        asked(Server(page), lambda client: client.tables())
    with pytest.raises(DataPlatformError, match="something else than this API"):
        asked(Server(httpx.Response(200, text="<html>Sign in</html>")), lambda client: client.tables())
    with pytest.raises(Unavailable, match="HTTP 503"):
        asked(Server(httpx.Response(503, text="<html>")), lambda client: client.health())


def test_health_is_told_also_when_it_is_bad() -> None:
    health = asked(Server(httpx.Response(503, json={"status": "failed"})), lambda client: client.health())
    assert (health.status, health.services) == ("failed", [])


@pytest.mark.parametrize(
    "failure",
    [
        problem(503, "busy", {"retry-after": "0"}),
        problem(503, "unavailable"),
        problem(429, "rate_limited", {"retry-after": "0"}),
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("closed"),
    ],
)
def test_what_changes_nothing_is_tried_again(failure: Any) -> None:
    server = Server(failure, failure, httpx.Response(200, json=[]))
    assert asked(server, lambda client: client.tables()) == []
    assert len(server.requests) == 3
    with pytest.raises((ApiError, ConnectionFailed)):
        asked(Server(failure), lambda client: client.query_rows("SELECT 1"))
    server = Server(failure)
    with pytest.raises((ApiError, ConnectionFailed)):
        asked(server, lambda client: client.annotate("t", owner="x"))
    assert len(server.requests) == 1  # an edit is never sent twice


@pytest.mark.parametrize(
    "failure",
    [
        problem(400, "invalid"),
        problem(500, "internal"),
        problem(429, "rate_limited", {"retry-after": "3600"}),  # longer than anybody waits
        httpx.ReadTimeout("slow"),
    ],
)
def test_what_would_fail_again_is_not_tried_again(failure: Any) -> None:
    server = Server(failure)
    with pytest.raises((ApiError, NoAnswerInTime)):
        asked(server, lambda client: client.tables())
    assert len(server.requests) == 1


def test_retry_after_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    server = Server(problem(429, "rate_limited", {"retry-after": "2"}), httpx.Response(200, json=[]))
    with Client("http://x", transport=httpx.MockTransport(server)) as client:
        assert client.tables() == []
    assert waits == [2.0]
    with pytest.raises(RateLimited) as raised:
        asked(Server(problem(429, "rate_limited", {"retry-after": "0"})), lambda client: client.tables())
    assert raised.value.retry_after == 0.0


def test_events_come_over_broken_connections() -> None:
    server = Server(
        httpx.ConnectError("refused"),
        problem(503, "unavailable"),
        httpx.Response(200, content=b"retry: 0\n\n: a comment\nevent: other\ndata: {}\n\n"),
        httpx.Response(200, content=MOMENT[:-1]),  # cut off: no moment
        httpx.Response(200, content=MOMENT),
    )
    patient = Retries(attempts=9, first_seconds=0.0)
    moment = asked(server, lambda client: client.events(), retries=patient)
    assert moment.versions == {"t": 1}
    assert len(server.requests) == 5
    with pytest.raises(ConnectionFailed, match="ends at once"):
        asked(Server(httpx.Response(200, content=b"")), lambda client: client.events())
    with pytest.raises(ConnectionFailed, match="refused"):
        asked(Server(httpx.ConnectError("refused")), lambda client: client.events())
    with pytest.raises(Unauthorized):
        asked(Server(problem(401, "unauthorized")), lambda client: client.events())


def test_a_stream_that_speaks_may_break_for_ever() -> None:
    server = Server(httpx.Response(200, content=b"retry: 0\n\n" + MOMENT))
    with Client("http://x", transport=httpx.MockTransport(server), retries=QUICK) as client:
        events = client.events()
        assert [next(events).at for _ in range(10)] == [1.0] * 10
        events.close()  # type: ignore[attr-defined]
    assert len(server.requests) == 10


def test_the_key_is_sent_and_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server = Server(problem(401, "unauthorized"))
    client = Client("http://x", f" {KEY}\n", transport=httpx.MockTransport(server))
    with pytest.raises(Unauthorized) as raised:
        client.tables()
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    shown = "".join(traceback.format_exception(raised.value))
    shown += repr(client) + repr(client.__dict__) + repr(raised.value) + caplog.text
    assert "secret" not in shown and repr(client) == "Client(url='http://x', key=…)"
    for wrong in (f"{KEY}\nX-Other: 1", f"{KEY} {KEY}", "schlüssel"):
        with pytest.raises(ValueError, match="characters") as refused:
            Client("http://x", wrong)
        assert "secret" not in str(refused.value)
    with pytest.raises(ValueError, match="password"):
        Client("http://user:word@x")


def test_url_and_key_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DP_API_URL", raising=False)
    monkeypatch.delenv("DP_API_KEY", raising=False)
    assert repr(Client()) == "Client(url='http://127.0.0.1:8888', key=None)"
    monkeypatch.setenv("DP_API_URL", "https://platform.example:8888/")
    monkeypatch.setenv("DP_API_KEY", KEY)
    assert repr(AsyncClient()) == "AsyncClient(url='https://platform.example:8888/', key=…)"
    assert repr(Client("http://x", "")) == "Client(url='http://x', key=None)"


def test_names_and_times_are_sent_as_they_are() -> None:
    server = Server(problem(404, "not_found"))
    with Client("http://x", transport=httpx.MockTransport(server)) as client:
        with pytest.raises(NotFound):
            client.preview("a/b?c#d é", columns=["x", "y"], order=["-x"], as_of="2026-11-24T00:00:00Z")
        assert server.requests[0].url.raw_path.startswith(b"/tables/a%2Fb%3Fc%23d%20%C3%A9/preview?")
        assert dict(server.requests[0].url.params) == {
            "columns": "x,y",
            "order": "-x",
            "as_of": "2026-11-24T00:00:00Z",
        }
        for name in ("", ".", ".."):
            with pytest.raises(ValueError, match="no name"):
                client.table(name)


def test_both_clients_have_the_same_methods() -> None:
    def methods(kind: type) -> dict[str, list[tuple[str, Any, Any]]]:
        return {
            name: [(p.name, p.kind, p.default) for p in inspect.signature(method).parameters.values()]
            for name, method in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_")
        }

    assert methods(Client) == methods(AsyncClient)
    for name in methods(Client):
        assert getattr(Client, name).__doc__ and getattr(AsyncClient, name).__doc__
    assert set(package.__all__) <= set(vars(package))


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = ("polars", "pandas", "pyarrow", "numpy", "contracts", "web", "lakehouse")
    code = f"import sys, dataplatform_client; print([m for m in {heavy} if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


def test_a_new_field_or_word_fails_no_old_client() -> None:
    table = {
        "name": "t",
        "layer": "platinum",
        "description": "",
        "owner": "o",
        "tags": [],
        "freshness": "mouldy",
        "freshness_target_seconds": 1.0,
        "colour": {"red": 1},
    }
    (found,) = asked(Server(httpx.Response(200, content=msgspec.json.encode([table]))), lambda c: c.tables())
    assert (found.layer, found.freshness) == ("platinum", "mouldy")
