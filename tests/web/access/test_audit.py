"""What the API's calls leave in the audit log, and who may read it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from contracts.layout import audit_folder
from contracts.settings import Settings
from lakehouse.audit import UNRECORDED, AuditLog, log
from lakehouse.audit.reading import Recorded, Wanted, newest
from lakehouse.audit.verify import verify
from web.access.calls import Call
from web.app import create_app
from web.audit import CallAudit
from web.queries import open_queries


@pytest.fixture
def with_audit() -> Callable[..., Any]:
    """Runs ``body(client)`` against an application that is recorded."""

    def run(settings: Settings, body: Any) -> Any:
        async def opened(audit: AuditLog) -> Any:
            async with open_queries(settings, workers=1, warm=False) as queries:
                application = create_app(settings, queries, audit=audit)
                transport = httpx.ASGITransport(application, raise_app_exceptions=False)
                async with httpx.AsyncClient(
                    transport=transport, base_url="http://127.0.0.1:26010"
                ) as client:
                    return await body(client)

        with AuditLog(settings, "lakehouse-api") as audit:
            return asyncio.run(opened(audit))

    return run


def told(settings: Settings, action: str = "api.*", **wanted: Any) -> list[Recorded]:
    return newest(settings, Wanted(action=action, **wanted), 1000)


def test_queries_say_who_asked_what_and_how_many_rows_there_were(silver: Settings, with_audit: Any) -> None:
    sql = "SELECT count(*) AS n FROM app_events_silver"

    async def body(client: httpx.AsyncClient) -> None:
        for _ in range(2):  # one run, one from memory
            await client.post("/query", json={"sql": sql}, headers={"x-request-id": "mine"})
        await client.get("/tables/app_events_silver/preview?limit=3&where=user_id='u'")
        await client.post("/query", json={"sql": "SELECT range, repeat('x', 999) FROM range(900)"})
        await client.post("/query", json={"sql": "DROP TABLE app_events_silver"})
        await client.get("/tables")
        await client.get("/health")

    with_audit(silver, body)
    found = [
        (entry.action, entry.details["status"], entry.details.get("rows"), entry.details.get("tables"))
        for entry in reversed(told(silver))
    ]
    tables = ["app_events_silver"]
    assert found == [
        ("api.query", 200, 1, tables),
        ("api.query", 200, 1, tables),
        ("api.query", 200, 0, tables),
        ("api.query", 200, 900, None),  # sent while it ran
        ("api.denied", 403, None, None),
        ("api.read", 200, None, None),
    ]
    (first, *_) = reversed(told(silver))
    assert (first.user, first.texts) == ("local", {"path": "/query", "statement": sql})
    assert first.details["request"] == "mine"
    assert len(told(silver, table="app_events_silver")) == 3
    assert verify(silver).right


def test_an_edit_is_recorded_before_it_is_made(silver: Settings, with_audit: Any) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        path = "/tables/app_events_silver"
        assert (await client.patch(path, json={"owner": "me", "tags": ["a"]})).status_code == 200
        assert (await client.patch(path, json={})).status_code == 422
        assert (await client.patch("/tables/none", json={"owner": "me"})).status_code == 404

    with_audit(silver, body)
    (edit,) = told(silver, "catalog.*")
    assert (edit.user, edit.subject) == ("local", "app_events_silver")
    assert (edit.details["tags"], edit.texts["owner"]) == (["a"], "me")


def test_without_a_log_nothing_is_changed_and_questions_are_answered(
    silver: Settings, with_audit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit_folder(silver).write_text("in the way")

    async def body(client: httpx.AsyncClient) -> None:
        path = "/tables/app_events_silver"
        refused = await client.patch(path, json={"owner": "me"})
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert (await client.get(path)).json()["owner"] != "me"
        assert (await client.post("/query", json={"sql": "SELECT 1"})).status_code == 200

    with_audit(silver, body)


def test_logins_and_denials(guarded: Any, make_key: Any, bearing: Any, with_audit: Any) -> None:
    settings = guarded(host="127.0.0.1", keys=True)
    reader = bearing(make_key(settings, "reader"))

    async def body(client: httpx.AsyncClient) -> None:
        await client.get("/tables")
        await client.get("/tables", headers=reader)
        await client.get("/tables", headers=reader)
        await client.post("/query", json={"sql": "SELECT 1"}, headers=reader)
        await client.get("/audit", headers=reader)

    with_audit(settings, body)
    found = [(entry.action, entry.user, entry.details.get("status")) for entry in reversed(told(settings))]
    assert found == [
        ("api.denied", None, 401),
        ("api.login", "reader", None),
        ("api.read", "reader", 200),
        ("api.read", "reader", 200),
        ("api.denied", "reader", 403),
        ("api.denied", "reader", 403),
    ]
    assert told(settings)[0].texts["reason"] == "this needs the scope admin; your key has read"


def test_admins_read_it(silver: Settings, with_audit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "GROUP_SECONDS", 0.0)
    with AuditLog(silver, "dp") as audit:
        audit.record_durably("keys.create", user="root", subject="bob", details={"scope": "read"})
        audit.record_durably(
            "api.query", user="eve", details={"tables": ["t"]}, texts={"statement": "SELECT 1"}
        )

    async def body(client: httpx.AsyncClient) -> None:
        async def actions(**asked: Any) -> list[str]:
            answer = await client.get("/audit", params=asked)
            assert answer.status_code == 200, answer.text
            return [entry["action"] for entry in answer.json()]

        assert await actions(user="eve") == ["api.query"]
        assert await actions(table="t") == ["api.query"]
        assert await actions(table="bob") == ["keys.create"]
        assert await actions(action="keys.*") == ["keys.create"]
        assert await actions(since="2100-01-01T00:00:00Z") == []
        assert await actions(until="2000-01-01T00:00:00Z") == []
        assert len(await actions(limit=2)) == 2
        (entry,) = (await client.get("/audit", params={"user": "eve"})).json()
        assert entry["texts"] == {"statement": "SELECT 1"}
        for wrong in ({"limit": 0}, {"limit": 1001}, {"since": "yesterday"}):
            assert (await client.get("/audit", params=wrong)).status_code == 400

    with_audit(silver, body)


def test_logins_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.audit.MOST_LOGINS", 2)
    listener = CallAudit(UNRECORDED)
    for number in range(9):
        call = Call(
            request="r",
            method="GET",
            path="/",
            status=200,
            ms=1.0,
            bytes=0,
            user="u",
            client=str(number),
            key="k",
        )
        listener(call)
        assert len(listener._logins) <= 2


@pytest.mark.heavy
def test_the_server_process_ends_its_chain_or_is_killed(start_api: Any) -> None:
    for how, last in ((signal.SIGTERM, "audit.closed"), (signal.SIGKILL, None)):
        api = start_api()
        api.wait()
        for number in range(20):
            assert api.get(f"/tables?q=x{number}").status_code == 200
        os.kill(api.process.pid, how)
        api.process.wait(30)
        report = verify(api.settings)
        assert report.right, report.faults
        if last is not None:
            assert newest(api.settings)[0].action == last
            assert len(told(api.settings, "api.read")) == 20
