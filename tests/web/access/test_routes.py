"""Every route × every kind of key. A route that is not in the table fails the test."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from litestar import Litestar, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.routes import HTTPRoute

from contracts.secrets import secret
from contracts.settings import Settings
from web.access.keys import FIRST_SECRET, editing_keys
from web.access.scopes import handlers_of, need_of, open_places
from web.app import create_app

NEEDS = {
    ("GET", "/"): "open",
    ("HEAD", "/"): "open",
    ("GET", "/assets/{name:str}"): "open",
    ("HEAD", "/assets/{name:str}"): "open",
    ("GET", "/docs"): "open",
    ("HEAD", "/docs"): "open",
    ("GET", "/docs/docs.js"): "open",
    ("HEAD", "/docs/docs.js"): "open",
    ("GET", "/docs/swagger-ui-bundle.js"): "open",
    ("HEAD", "/docs/swagger-ui-bundle.js"): "open",
    ("GET", "/docs/swagger-ui.css"): "open",
    ("HEAD", "/docs/swagger-ui.css"): "open",
    ("GET", "/health"): "open",
    ("GET", "/health/report"): "read",
    ("GET", "/alerts"): "read",
    ("POST", "/alerts/silences"): "admin",
    ("DELETE", "/alerts/silences/{silence_id:str}"): "admin",
    ("GET", "/me"): "read",
    ("GET", "/problems/{code:str}"): "open",
    ("GET", "/tables"): "read",
    ("GET", "/tables/{name:str}"): "read",
    ("PATCH", "/tables/{name:str}"): "admin",
    ("GET", "/tables/{name:str}/history"): "read",
    ("GET", "/tables/{name:str}/preview"): "query",
    ("GET", "/catalog"): "read",
    ("GET", "/catalog/schema"): "read",
    ("GET", "/catalog/lineage/{name:str}"): "read",
    ("GET", "/quality"): "read",
    ("GET", "/quality/{table:str}"): "read",
    ("POST", "/query"): "query",
    ("GET", "/functions"): "read",
    ("GET", "/audit"): "admin",
    ("GET", "/streams"): "query",
    ("GET", "/jobs"): "read",
    ("GET", "/metrics"): "read",
    ("GET", "/events"): "read",
    ("GET", "/trace/{event_id:path}"): "query",
    ("GET", "/dead-letters"): "query",
    ("GET", "/schema"): "open",
    ("GET", "/schema/openapi.json"): "open",
    ("GET", "/schema/openapi.yaml"): "open",
    ("GET", "/schema/openapi.yml"): "open",
    ("GET", "/schema/{path:str}"): "open",
}
"""What each route needs, written by hand."""

MAY = {
    "no key": {"open"},
    "wrong id": {"open"},
    "wrong secret": {"open"},
    "no token of ours": {"open"},
    "expired": {"open"},
    "revoked": {"open"},
    "read": {"open", "read"},
    "query": {"open", "read", "query"},
    "admin": {"open", "read", "query", "admin"},
    "first": {"open", "read", "query", "admin"},
}
"""Which needs a caller meets."""


def routes(application: Any) -> dict[tuple[str, str], HTTPRouteHandler]:
    """Method and path of every route of the application behind the guard."""
    return {
        (method, route.path): handler
        for route in application.app.routes
        if isinstance(route, HTTPRoute)
        for method, handler in handlers_of(route).items()
    }


def application_of(client: httpx.AsyncClient) -> Any:
    return client._transport.app  # type: ignore[attr-defined]


async def refusal(application: Any, method: str, path: str, headers: dict[str, str]) -> str | None:
    """The code of an answer with 401 or 403, else None. Waits for no end: there may be none."""
    begun: asyncio.Queue[Any] = asyncio.Queue()
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 26010),
        "scheme": "http",
        "root_path": "",
        "http_version": "1.1",
    }
    body = iter([{"type": "http.request", "body": b'{"sql": "SELECT 1"}', "more_body": False}])

    async def receive() -> Any:
        return next(body, None) or await asyncio.Event().wait()

    asked = asyncio.create_task(application(scope, receive, begun.put))
    status = (await begun.get())["status"]
    code = json.loads((await begun.get())["body"])["code"] if status in (401, 403) else None
    asked.cancel()
    await asyncio.wait({asked})
    return code


@pytest.fixture
def settings(guarded: Callable[..., Settings]) -> Settings:
    made: Settings = guarded()
    secret(made, FIRST_SECRET)
    return made


def test_every_route_is_in_the_table(settings: Settings, unopened: Any) -> None:
    application = create_app(settings, unopened(settings))
    found = routes(application)
    assert set(found) == set(NEEDS)
    assert {place: need_of(handler) for place, handler in found.items()} == NEEDS
    assert all(isinstance(route, HTTPRoute) for route in application.app.routes)  # type: ignore[attr-defined]


def test_every_route_for_every_caller(
    settings: Settings, ask: Any, make_key: Any, bearing: Any, clock: Any
) -> None:
    tokens = {scope: make_key(settings, scope, scope) for scope in ("read", "query", "admin")}
    tokens["expired"] = make_key(settings, "expired", "admin", expires_at=clock.now + timedelta(hours=1))
    tokens["revoked"] = make_key(settings, "revoked", "admin")
    with editing_keys(settings) as keys:
        keys.revoke("revoked", now=clock.now)
    clock.pass_by(hours=1)
    tokens["first"] = secret(settings, FIRST_SECRET)
    tokens["wrong id"] = "dp_000000000000_" + tokens["admin"].split("_", 2)[2]
    tokens["wrong secret"] = tokens["admin"][:-1] + ("A" if tokens["admin"][-1] != "A" else "B")
    tokens["no token of ours"] = "secret"

    async def body(client: httpx.AsyncClient) -> None:
        for (method, path), need in NEEDS.items():
            for caller, needs in MAY.items():
                url = re.sub(r"\{.*?\}", "app_events_silver", path)
                headers = bearing(tokens[caller]) if caller != "no key" else {}
                code = await refusal(application_of(client), method, url, headers)
                refused = "forbidden" if needs > {"open"} else "unauthorized"
                assert code == (None if need in needs else refused), (method, path, caller)

    ask(settings, body)


def test_what_is_not_there_is_not_told_without_a_key(
    settings: Settings, ask: Any, make_key: Any, bearing: Any
) -> None:
    read = bearing(make_key(settings, "reader"))

    async def body(client: httpx.AsyncClient) -> None:
        for method, path, known in (("GET", "/nowhere", 404), ("DELETE", "/tables", 405)):
            assert (await client.request(method, path)).status_code == 401
            assert (await client.request(method, path, headers=read)).status_code == known
        # Below an open path, or spelt like one, is not open.
        for path in ("/health/x", "/HEALTH", "/health%2f..%2ftables"):
            assert (await client.get(path)).status_code == 401

    ask(settings, body)


def test_the_method_decides_where_a_route_says_nothing() -> None:
    @get("/reads")
    async def reads() -> None: ...

    @post("/writes")
    async def writes() -> None: ...

    @get("/pages/{name:path}", opt={"scope": "open"})
    async def pages(name: FromPath[str]) -> None: ...

    @post("/reads", opt={"scope": "open"})
    async def writes_openly() -> None: ...

    application = Litestar([reads, writes, pages, writes_openly], openapi_config=None)
    needs = {
        (method, route.path): need_of(handler)
        for route in application.routes
        if isinstance(route, HTTPRoute)
        for method, handler in handlers_of(route).items()
    }
    assert needs == {
        ("GET", "/reads"): "read",
        ("POST", "/reads"): "open",
        ("POST", "/writes"): "admin",
        ("GET", "/pages/{name:path}"): "open",
    }
    places = open_places(application)
    assert "/pages/a/b.css" in places
    assert not [path for path in ("/reads", "/writes", "/pages", "/") if path in places]


def test_a_scope_that_is_none_stops_the_start() -> None:
    @get("/x", opt={"scope": "reed"})
    async def x() -> None: ...

    with pytest.raises(ValueError, match="reed"):
        open_places(Litestar([x], openapi_config=None))
