"""Scores and results of checks over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx

from contracts.settings import Settings
from lakehouse.quality import check
from tests.lakehouse.test_quality_rules import NOON, run


def test_scores_results_and_their_trend(settings: Settings, with_client: Any) -> None:
    for number in range(3):
        run(settings, number, "app_events_silver", number == 2, NOON + timedelta(hours=number))
    run(settings, 9, "event_metrics_gold", False, NOON)

    async def body(client: httpx.AsyncClient) -> None:
        async def asked(path: str = "/quality", **params: Any) -> Any:
            response = await client.get(path, params=params)
            assert response.status_code == 200, response.text
            return response.json()

        silver, gold = await asked()
        assert (silver["table"], silver["layer"], silver["run_id"]) == (
            "app_events_silver",
            "silver",
            "run-2",
        )
        assert (silver["score"], silver["rules"], silver["passed"]) == (1.0, 2, 2)
        assert (gold["table"], gold["score"], gold["passed"]) == ("event_metrics_gold", 0.8333, 1)
        assert gold["checked_at"] == NOON.isoformat().replace("+00:00", "Z")
        assert gold["results"][1] == {
            "rule": "b",
            "severity": "flag",
            "passed": False,
            "rows_checked": 10,
            "rows_failed": 3,
            "message": "So it is.",
        }
        assert await asked(table="app_events_silver") == await asked(passed="true") == [silver]
        assert await asked(layer="gold") == await asked(passed="false") == [gold]
        assert await asked(layer="bronze") == await asked(table="users_silver") == []
        trend = await asked("/quality/app_events_silver")
        assert [one["run_id"] for one in trend] == ["run-2", "run-1", "run-0"]
        assert [one["score"] for one in trend] == [1.0, 0.8333, 0.8333]
        assert await asked("/quality/app_events_silver", limit=1) == [silver]
        for path in ("/quality/app_event_silver", "/quality?table=app_event_silver"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
            assert "app_events_silver" in answer.text
        assert (await client.get("/quality/app_events_silver?limit=0")).status_code == 400

    with_client(settings, body)


def test_a_real_check_is_told(silver: Settings, with_client: Any) -> None:
    findings = check(silver, tables=("app_events_silver",))

    async def body(client: httpx.AsyncClient) -> None:
        (told,) = (await client.get("/quality")).json()
        assert {one["rule"]: one["message"] for one in told["results"]} == {
            one.rule: one.message for one in findings
        }
        table = (await client.get("/tables/app_events_silver")).json()
        assert table["quality_score"] == told["score"]

    with_client(silver, body)
