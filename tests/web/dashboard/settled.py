"""A platform whose events have all arrived: what its page shows can be compared with SQL at leisure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from msgspec import Struct

from tests.system.platform_copy import PlatformCopy

QUICK = {
    "lakehouse__engine": "embedded",
    "streams__flush_seconds": 3.0,
    "lakehouse__silver_seconds": 5,
    "lakehouse__gold_seconds": 10,
}
SIMULATED = {"mobile": 1500, "web": 1500, "clickstream": 1500, "cdc": 600, "external-data": 400}
FAULTS = "0.02"
"""Malformed, duplicate and late records, so that there is something to refuse."""
ARRIVED = """
SELECT (SELECT count(*) FROM app_events_silver) AS silver,
       (SELECT sum(total_events) FROM event_metrics_gold) AS gold,
       (SELECT count(*) FROM clickstream_bronze) AS clicks,
       (SELECT count(*) FROM external_data_silver) AS readings
"""


class Settled(Struct):
    """The platform, and questions to it past the page."""

    copy: PlatformCopy
    client: httpx.Client

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.copy.settings.ports.api}"

    def rows(self, sql: str) -> list[list[Any]]:
        answer = self.client.post("/query", json={"sql": sql})
        assert answer.status_code == 200, answer.text
        found: list[list[Any]] = answer.json()["rows"]
        return found

    def value(self, sql: str) -> Any:
        ((value,),) = self.rows(sql)
        return value

    def json(self, path: str) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def fill(self) -> None:
        """Events of yesterday and of today; returns when gold counts all of them, and the batch jobs ran."""
        now = datetime.now(UTC)
        for start in (now - timedelta(days=1), now - timedelta(minutes=30)):
            for name, count in SIMULATED.items():
                at = start.isoformat(timespec="seconds")
                self.copy.dp("simulate", name, "--start", at, "--count", str(count), "--faults", FAULTS)
        before: list[Any] = []

        def arrived() -> bool:
            nonlocal before
            (found,) = self.rows(ARRIVED)
            lags = [group["lag"] for group in self.json("/health/report")["groups"]]
            same = found == before and found[0] == found[1] and all(found) and not any(lags)
            before = found
            return same and self.copy.settings.lakehouse.gold_seconds <= self._age_of_gold()

        self.copy.eventually(arrived)
        for job in ("hourly_aggregates", "daily_summaries", "user_segments"):
            self.copy.dp("batch", "run", job, "--date", f"{now - timedelta(days=1):%Y-%m-%d}")

    def _age_of_gold(self) -> float:
        written = self.json("/tables/event_metrics_gold")["updated_at"]
        return (datetime.now(UTC) - datetime.fromisoformat(written)).total_seconds()
