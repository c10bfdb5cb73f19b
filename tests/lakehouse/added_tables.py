"""Run in a process of its own, over a copy of `contracts/` and `lakehouse/` that has two tables and a source
more: does what ingestion, the driver, the command and the API do with any, and prints what they show as JSON.

Usage: python added_tables.py DATA
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from click.testing import CliRunner

from contracts.settings import Lakehouse, Paths, Settings
from contracts.sources import APP_EVENTS, CLICKSTREAM, source_named, topic_specs
from kafka_cluster.schemas import json_schema
from lakehouse.embedded import EmbeddedEngine
from lakehouse.medallion.rounds import Rounds
from runtime.cli import main
from tests.lakehouse.conftest import OWN, Landing
from tests.streams.ingestion.event_records import decode, rows
from web.app import create_app
from web.queries import open_queries

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
NAMES = ("country_metrics_gold", "page_views_silver")


def land(settings: Settings) -> None:
    landing = Landing(settings)
    events = [
        {
            "event_id": f"e{n}",
            "country": ["DE", "FR", None][n % 3],
            "event_timestamp": NOON + timedelta(hours=n % 2),
        }
        for n in range(12)
    ]
    landing.add(APP_EVENTS, events)
    pages = ["https://a.example/", "https://a.example/", "javascript:alert(1)"]
    clicks = [{"click_id": f"c{n % 8}", "page_url": pages[n % 8 % 3]} for n in range(10)]
    landing.add(CLICKSTREAM, clicks)


def land_payments(settings: Settings) -> list[str]:
    """Decodes three payments as ingestion does, lands the valid one, and gives the fields that the others
    were refused for."""
    at = NOON.isoformat()
    payment = {"payment_id": "p-1", "user_id": "u1", "amount": 9.5, "currency": "EUR", "paid_at": at}
    source = source_named("payments")
    decoded = decode(payment, {**payment, "amount": -1}, {**payment, "currency": "eur"}, source=source)
    assert [row["payment_id"] for row in rows(decoded)] == ["p-1"]
    OWN[source.name] = {}
    Landing(settings).add(source, [payment | {"paid_at": NOON}])
    return [refused.error.path for refused in decoded.rejected]


def build(settings: Settings) -> tuple[dict[str, int], dict[str, str]]:
    """One round; returns the failures in a row and the errors of all tables."""
    engine = EmbeddedEngine(settings)
    rounds = Rounds(settings, engine)
    try:
        rounds.bronze()
        rounds.silver()
        rounds.gold()
        return {name: times for name, times in rounds.status.failures.items() if times}, rounds.status.errors
    finally:
        rounds.close()
        engine.close()


async def served(settings: Settings) -> dict[str, Any]:
    async with open_queries(settings, workers=1) as queries:
        transport = httpx.ASGITransport(create_app(settings, queries))
        base = f"http://127.0.0.1:{settings.ports.api}"
        async with httpx.AsyncClient(transport=transport, base_url=base) as client:

            async def read(sql: str) -> Any:
                return (await client.post("/query", json={"sql": sql})).json()["rows"]

            async def lineage(name: str) -> list[str]:
                asked = {"direction": "upstream", "depth": 1, "columns": "true"}
                found = (await client.get(f"/catalog/lineage/{name}", params=asked)).json()
                return [
                    f"{e['from']['dataset']}.{e['from']['column']} > {e['to']['column']}"
                    for e in found["columns"]
                ]

            return {
                "listed": [t["name"] for t in (await client.get("/tables")).json()],
                "details": {name: (await client.get(f"/tables/{name}")).json() for name in NAMES},
                "lineage": {name: await lineage(name) for name in NAMES},
                "gold": await read(
                    "SELECT metric_hour, country, total_events FROM country_metrics_gold ORDER BY ALL"
                ),
                "silver": await read("SELECT click_id, page_url FROM page_views_silver ORDER BY ALL"),
                "quarantine": await read(
                    'SELECT "dataset", rule, count(*) FROM quarantine_silver GROUP BY ALL'
                ),
                "payments": {
                    "rows": await read("SELECT payment_id, amount, currency FROM payments_bronze"),
                    "lineage": (await client.get("/tables/payments_bronze")).json()["upstream"],
                    "topics": [s.name for s in topic_specs(settings) if "payments" in s.name],
                    "required": sorted(json_schema(source_named("payments"))["required"]),
                },
            }


def run(root: str) -> dict[str, Any]:
    settings = Settings(paths=Paths(data=root), lakehouse=Lakehouse(engine="embedded", gold_seconds=1))
    land(settings)
    refused = land_payments(settings)
    failures, _ = build(settings)
    arguments = ["--set", f"paths.data={root}", "lakehouse", "health", "--json"]
    health = json.loads(CliRunner().invoke(main, arguments, prog_name="dp").stdout)
    answer = {"failures": failures, "health": health["tables"], **asyncio.run(served(settings))}
    answer["payments"]["refused"] = refused
    # A row that fails a rule of severity `fail` stops its table, and no other.
    Landing(settings).add(
        APP_EVENTS, [{"event_id": "odd", "country": "forbidden", "event_timestamp": NOON}], first=12
    )
    _, errors = build(settings)
    return {**answer, "errors": errors, "gold_after": asyncio.run(served(settings))["gold"]}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(sys.argv[1])) + "\n")
