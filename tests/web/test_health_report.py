"""The report of health, alerts and silences over HTTP, and for Prometheus."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx

from contracts.heartbeat import HeartbeatWriter
from contracts.settings import Settings
from lakehouse.alerts.files import replace
from lakehouse.alerts.rules import RULES, finding
from lakehouse.alerts.state import AlertState, state_path
from lakehouse.alerts.states import advance

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)


def fire(settings: Settings) -> None:
    alerts: dict[str, Any] = {}
    advance(alerts, [finding("dead_letters", "users", "many records of users are refused")], [], NOW)
    replace(state_path(settings), AlertState(at=NOW, alerts=list(alerts.values())))


def test_the_report_is_one_document_in_two_forms(silver: Settings, with_client: Any) -> None:
    HeartbeatWriter(silver, "ingestion").beat(state="failed", message="<b>no broker</b>", force=True)

    async def body(client: httpx.AsyncClient) -> None:
        report = (await client.get("/health/report")).json()
        assert (report["status"], report["ready"]) == ("failing", False)
        assert report["reasons"] == ["ingestion: <b>no broker</b>"]
        tables = {table["name"]: table for table in report["tables"]}
        assert tables["app_events_silver"]["files"] == 2
        assert {layer["name"] for layer in report["layers"]} >= {"bronze", "silver", "gold"}
        answer = await client.get("/health/report", params={"format": "html"})
        assert answer.headers["content-type"].startswith("text/html")
        assert "<b>" not in answer.text and "&lt;b&gt;no broker" in answer.text
        policy = answer.headers["content-security-policy"]
        assert "'sha256-" in policy and "unsafe" not in policy
        assert (await client.get("/health/report", params={"format": "pdf"})).status_code == 400

    with_client(silver, body)


def test_health_names_components_and_is_ready_or_not(silver: Settings, with_client: Any) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        answer = await client.get("/health")
        health = answer.json()
        assert (answer.status_code, health["live"], health["ready"]) == (200, True, True)
        assert {part["status"] for part in health["components"].values()} == {"ok"}
        HeartbeatWriter(silver, "stream-worker-1").beat(state="failed", message="no disk", force=True)
        answer = await client.get("/health")
        health = answer.json()
        assert (answer.status_code, health["live"], health["ready"]) == (503, True, False)
        assert health["components"]["services"] == {
            "status": "failing",
            "reasons": ["stream-worker-1: no disk"],
        }
        assert health["components"]["tables"]["status"] == "ok"

    with_client(silver, body)


def test_every_rule_belongs_to_a_component() -> None:
    from web.health import _PARTS

    assert sorted(rule for rules in _PARTS.values() for rule in rules) == sorted(RULES)


def test_alerts_and_silences(settings: Settings, with_client: Any) -> None:
    fire(settings)

    async def body(client: httpx.AsyncClient) -> None:
        (alert,) = (await client.get("/alerts")).json()["alerts"]
        assert (alert["rule"], alert["state"], alert["silenced_by"]) == ("dead_letters", "firing", None)
        assert alert["runbook"] == "docs/runbooks/dead_letters.md"
        wanted = {"rule": "dead_*", "subject": "users", "seconds": 3600, "reason": "a load test"}
        made = await client.post("/alerts/silences", json=wanted)
        assert (made.status_code, made.json()["by"]) == (200, "local")
        found = (await client.get("/alerts")).json()
        assert found["alerts"][0]["silenced_by"] == made.json()["id"]
        place = f"/alerts/silences/{made.json()['id']}"
        assert (await client.delete(place)).status_code == 200
        assert (await client.delete(place)).status_code == 404
        assert (await client.get("/alerts")).json()["silences"] == []
        for wrong, status in (
            ({"rule": "nothing"}, 404),
            ({"seconds": 0}, 400),
            ({"seconds": 1e12}, 400),
            ({"reason": ""}, 400),
            ({"reason": "\n"}, 422),
            ({"until": "tomorrow"}, 400),
        ):
            answer = await client.post("/alerts/silences", json=wanted | wrong)
            assert answer.status_code == status, wrong

    with_client(settings, body)


def test_prometheus_has_health_and_alerts(silver: Settings, with_client: Any) -> None:
    fire(silver)
    HeartbeatWriter(silver, "ingestion").beat(
        details={"sources": {"users": {"refused": {"0/aaaaaaaa": 3}, "lag": 4}}}, force=True
    )

    async def body(client: httpx.AsyncClient) -> None:
        lines = (await client.get("/metrics")).text.splitlines()
        for line in (
            "dp_health_ready 1.0",
            'dp_health_status{kind="service",name="ingestion"} 0.0',
            'dp_storage_files{place="silver"} 2.0',
            'dp_dead_letters_total{source="users"} 3.0',
            'dp_alert{rule="dead_letters",severity="warning",state="firing",subject="users"} 1.0',
        ):
            assert line in lines
        assert any(one.startswith("dp_disk_free_bytes ") for one in lines)

    with_client(silver, body)
