"""The live side of the API: streams, batch runs, metrics, and the moments that pages follow."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from contracts.heartbeat import HeartbeatWriter
from contracts.settings import Settings
from contracts.sources import APP_EVENTS, CLICKSTREAM, SOURCES
from lakehouse.jobs.history import Run, record
from tests.streams.feeding import canonical_click, canonical_event
from tests.streams.scenario import MICRO, flush, loaded, packed
from web.live import Live, Moment
from web.queries import Queries

pytestmark = pytest.mark.heavy


def beat(settings: Settings, name: str, **details: Any) -> None:
    HeartbeatWriter(settings, name).beat(7, details=details, force=True)


def test_streams_shows_windows_sessions_partitions_and_lag(settings: Settings, with_client: Any) -> None:
    now = int(datetime.now(UTC).timestamp())
    start = now - now % 60 - 300
    events, clicks = loaded(settings, APP_EVENTS), loaded(settings, CLICKSTREAM)
    for number, (user, value) in enumerate([("u1", 2.0), ("u2", 3.5), ("u1", 1.0)]):
        event = canonical_event(str(number), user, "purchase", (start + number) * MICRO, value)
        events.append(number, packed(number, number, number - 1, [(number, event)]))
        click = canonical_click(str(number), user, (start + number) * MICRO, page=f"/{number}")
        clicks.append(number, packed(number, number, number - 1, [(number, click)]))
    flush(events)
    flush(clicks)
    partition = {"H": 3, "watermark": "2025-11-24T12:00:00Z", "pending": 1, "lag": 4}
    beat(settings, "stream-worker-1", partitions={"app_events": {"0": partition}})

    async def body(client: httpx.AsyncClient) -> None:
        answer = (await client.get("/streams")).json()
        (window,) = answer["windows"]
        assert window["window_start"] == datetime.fromtimestamp(start, UTC).isoformat().replace("+00:00", "Z")
        assert (window["events"], window["users"], window["value"]) == (3, 2, 6.5)
        assert (answer["open_sessions"], answer["total_sessions"]) == (2, 2)
        assert {(s["user_id"], s["click_count"]) for s in answer["sessions"]} == {("u1", 2), ("u2", 1)}
        assert answer["partitions"] == [
            {
                "worker": "stream-worker-1",
                "source": "app_events",
                "partition": 0,
                "position": 3,
                "watermark": "2025-11-24T12:00:00Z",
                "pending": 1,
                "lag": 4,
            }
        ]
        assert answer["broker"] != "up"
        assert {c["group"]: c["state"] for c in answer["consumers"]}["dp-streams"] == "running"
        assert len((await client.get("/streams", params={"limit": 1})).json()["sessions"]) == 1

    with_client(settings, body)


def test_jobs_lists_runs_by_job_and_status(settings: Settings, with_client: Any) -> None:
    begun = datetime(2025, 11, 25, 2, tzinfo=UTC)
    for number, (job, status) in enumerate(
        [("hourly_aggregates", "succeeded"), ("user_segments", "failed"), ("user_segments", "succeeded")]
    ):
        record(
            settings,
            Run(
                run_id=str(number),
                job=job,
                run_date=date(2025, 11, 24),
                trigger="schedule",
                attempt=1,
                status=status,  # type: ignore[arg-type]
                engine="embedded",
                started_at=begun + timedelta(minutes=number),
                ended_at=begun + timedelta(minutes=number, seconds=5),
                error="out of luck" if status == "failed" else None,
            ),
        )

    async def body(client: httpx.AsyncClient) -> None:
        async def ids(**query: Any) -> list[str]:
            return [run["run_id"] for run in (await client.get("/jobs", params=query)).json()]

        assert await ids() == ["2", "1", "0"]
        assert await ids(job="user_segments") == ["2", "1"]
        assert await ids(job="user_segments", status="failed") == ["1"]
        assert await ids(limit=1) == ["2"]
        assert (await client.get("/jobs", params={"limit": 0})).status_code == 400

    with_client(settings, body)


def test_metrics_are_prometheus_text(silver: Settings, with_client: Any) -> None:
    beat(silver, "ingestion")

    async def body(client: httpx.AsyncClient) -> None:
        await client.post("/query", json={"sql": "SELECT 1"})
        await client.post("/query", json={"sql": "SELECT 1"})
        response = await client.get("/metrics")
        assert response.headers["content-type"].startswith("text/plain; version=")
        samples = {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(response.text)
            for sample in family.samples
        }
        table = (("layer", "silver"), ("table", "app_events_silver"))
        assert samples["dp_table_rows", *table] == 30
        assert samples["dp_table_lag_seconds", *table] > samples["dp_table_freshness_target_seconds", *table]
        assert samples["dp_service_up", ("service", "ingestion")] == 1
        assert samples["dp_service_events_total", ("service", "ingestion")] == 7
        assert samples["dp_api_queries_total", ("from", "kept")] == 1
        assert samples["dp_api_queries_total", ("from", "run")] == 1
        assert samples["dp_kafka_up",] == 0
        assert ("dp_consumer_up", ("group", "dp-streams")) in samples

    with_client(silver, body)


def test_a_moment_is_computed_once_for_all_who_watch(silver: Settings, with_queries: Any) -> None:
    details = {"messages_per_second": 5.0, "invalid_per_second": {"wrong_type": 0.5}, "lag": 3}
    beat(silver, "ingestion", sources={"app_events": details, "clickstream": details})

    async def body(queries: Queries) -> None:
        live = Live(silver, queries)
        watchers = [live.watch() for _ in range(3)]
        for watcher in watchers:
            assert (await anext(watcher)).startswith(b"retry: ")
        first = await asyncio.gather(*(anext(watcher) for watcher in watchers))
        assert len(set(first)) == 1
        kind, number, data, *_ = first[0].decode().split("\n")
        assert (kind, number) == ("event: moment", "id: 1")
        moment = msgspec.json.decode(data.removeprefix("data: "), type=Moment)
        assert [source.name for source in moment.sources] == [source.name for source in SOURCES]
        by_name = {source.name: source for source in moment.sources}
        assert (by_name["app_events"].events_per_second, by_name["app_events"].lag) == (5.0, 3)
        assert (by_name["users"].events_per_second, by_name["users"].lag) == (0.0, None)
        assert moment.versions["app_events_silver"] == 1
        assert [service.name for service in moment.services] == ["ingestion"]
        for watcher in watchers:
            await watcher.aclose()
        assert live.watchers == 0

    with_queries(silver, body)
