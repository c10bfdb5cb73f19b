"""The catalog over HTTP: filters, edits, lineage, forms; and answers that are made once for all who ask."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import jsonschema
import pytest

from contracts.errors import NotFound
from contracts.settings import Settings
from lakehouse.catalog import TABLES, Annotation, Catalog
from web.metadata import MOST, Metadata


def test_tables_are_found_by_all_that_is_asked(settings: Settings, with_client: Any) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        async def found(**asked: str) -> list[str]:
            tables = (await client.get("/tables", params=asked)).json()
            document = (await client.get("/catalog", params=asked)).json()
            assert [t["name"] for t in document["tables"]] == [t["name"] for t in tables]
            return [t["name"] for t in tables]

        assert await found(layer="stream", tag="live") == [
            n for n, d in TABLES.items() if d.layer == "stream"
        ]
        assert await found(q="churn") == ["user_segments_gold"]
        assert await found(column="session_key") == ["clickstream_sessions", "clickstream_silver"]
        assert await found(owner="nobody") == []
        assert await found(owner="data-platform", layer="platform") == [
            "catalog_annotations",
            "quality_results",
            "batch_runs",
        ]

    with_client(settings, body)


def test_an_edit_is_in_every_answer_at_once_and_after_a_restart(settings: Settings, with_client: Any) -> None:
    name = "user_segments_gold"

    async def told(client: httpx.AsyncClient) -> list[tuple[str, list[str]]]:
        """What each answer says; all are asked for before as well, so that they are kept."""
        detail = (await client.get(f"/tables/{name}")).json()
        listed = [t for t in (await client.get("/tables")).json() if t["name"] == name]
        document = (await client.get("/catalog")).json()["tables"]
        found = [detail, *listed, *(t for t in document if t["name"] == name)]
        assert len(found) == 3
        return [(t["owner"], t["tags"]) for t in found]

    async def edit(client: httpx.AsyncClient) -> None:
        assert await told(client) == [("data-platform", ["users", "personal"])] * 3
        answer = await client.patch(f"/tables/{name}", json={"owner": "growth"})
        assert answer.status_code == 200
        assert (answer.json()["owner"], answer.json()["tags"]) == ("growth", ["users", "personal"])
        assert await told(client) == [("growth", ["users", "personal"])] * 3
        answer = await client.patch(f"/tables/{name}", json={"tags": ["kpi"], "owner": None})
        assert await told(client) == [("growth", ["kpi"])] * 3
        assert [t["name"] for t in (await client.get("/tables", params={"tag": "kpi"})).json()] == [name]
        page = (await client.get("/catalog", params={"tag": "kpi", "format": "markdown"})).text
        assert "| owner | growth |" in page

    async def restarted(client: httpx.AsyncClient) -> None:
        assert await told(client) == [("growth", ["kpi"])] * 3

    with_client(settings, edit)
    with_client(settings, restarted)


REFUSED: list[tuple[str, bytes, int, str]] = [
    ("user_segments_gold", b"{}", 422, "contract"),
    ("user_segments_gold", b'{"owner": null}', 422, "contract"),
    ("user_segments_gold", b'{"owner": ""}', 400, "bad_request"),
    ("user_segments_gold", b'{"owner": "a\\nb"}', 422, "contract"),
    ("user_segments_gold", b'{"owner": 5}', 400, "bad_request"),
    ("user_segments_gold", b'{"tags": "kpi"}', 400, "bad_request"),
    ("user_segments_gold", b'{"tags": ["Upper"]}', 400, "bad_request"),
    ("user_segments_gold", b'{"tags": ["a\\n"]}', 422, "contract"),
    ("user_segments_gold", json.dumps({"tags": [f"t{n}" for n in range(21)]}).encode(), 400, "bad_request"),
    ("user_segments_gold", b'{"description": "mine"}', 400, "bad_request"),
    ("user_segments_gold", b"[]", 400, "bad_request"),
    ("user_segments_gold", b"{", 400, "bad_request"),
    ("user_segment_gold", b'{"owner": "x"}', 404, "not_found"),
]


def test_edits_that_may_not_be_are_problems(settings: Settings, with_client: Any) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        for name, sent, status, code in REFUSED:
            answer = await client.patch(
                f"/tables/{name}", content=sent, headers={"content-type": "application/json"}
            )
            assert (answer.status_code, answer.json()["code"]) == (status, code), sent
            assert answer.headers["content-type"] == "application/problem+json"
        from_elsewhere = await client.patch(
            "/tables/user_segments_gold", json={"owner": "x"}, headers={"origin": "http://evil.example"}
        )
        assert from_elsewhere.status_code == 403
        assert (await client.get("/tables/user_segments_gold")).json()["owner"] == "data-platform"

    with_client(settings, body)


def test_unknown_names_and_wrong_words_are_problems(settings: Settings, with_client: Any) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        for path, status, near in (
            ("/tables/event_metric_gold", 404, "event_metrics_gold"),
            ("/tables/event_metric_gold/history", 404, "event_metrics_gold"),
            ("/catalog/lineage/topic_app_event", 404, "topic_app_events"),
            ("/catalog/lineage/event_metrics_gold?direction=sideways", 400, None),
            ("/catalog/lineage/event_metrics_gold?depth=-1", 400, None),
            ("/catalog/lineage/event_metrics_gold?format=svg", 400, None),
            ("/catalog?format=xml", 400, None),
            ("/catalog?layer=copper", 400, None),
            ("/tables/event_metrics_gold/history?limit=0", 400, None),
        ):
            answer = await client.get(path)
            assert answer.status_code == status, path
            assert answer.headers["content-type"] == "application/problem+json"
            assert near is None or near in answer.json()["suggestions"]

    with_client(settings, body)


def test_the_export_fits_the_schema_that_is_served(silver: Settings, with_client: Any) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        schema = (await client.get("/catalog/schema")).json()
        document = (await client.get("/catalog")).json()
        jsonschema.Draft202012Validator(schema).validate(document)
        (events,) = [t for t in document["tables"] if t["name"] == "app_events_silver"]
        assert (events["rows"], events["version"], events["versions_kept"]) == (30, 1, 2)
        page = await client.get("/catalog", params={"format": "markdown", "layer": "gold"})
        assert page.headers["content-type"] == "text/markdown; charset=utf-8"
        assert page.text.startswith("# Catalog\n\n4 tables")

    with_client(silver, body)


def test_versions_are_told_newest_first(silver: Settings, with_client: Any) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        versions = (await client.get("/tables/app_events_silver/history")).json()
        assert [(v["version"], v["rows_added"]) for v in versions] == [(1, 10), (0, 20)]
        assert {v["operation"] for v in versions} == {"WRITE"}
        last = (await client.get("/tables/app_events_silver/history", params={"limit": 1})).json()
        assert last == versions[:1]
        assert (await client.get("/tables/cdc_transformed/history")).json() == []
        assert (await client.get("/tables/batch_runs/history")).json() == []

    with_client(silver, body)


def test_lineage_as_json_and_as_a_drawing(settings: Settings, with_client: Any) -> None:
    path = "/catalog/lineage/event_metrics_gold"

    async def body(client: httpx.AsyncClient) -> None:
        up = (await client.get(path, params={"direction": "upstream", "depth": 1, "columns": "true"})).json()
        assert up["edges"] == [{"from": "app_events_silver", "to": "event_metrics_gold"}]
        assert {
            "from": {"dataset": "app_events_silver", "column": "user_id"},
            "to": {"dataset": "event_metrics_gold", "column": "unique_users"},
        } in up["columns"]
        assert (await client.get(path)).json()["columns"] is None
        drawing = await client.get(path, params={"format": "mermaid", "direction": "upstream", "depth": 1})
        assert drawing.headers["content-type"] == "text/plain; charset=utf-8"
        assert drawing.text == (
            'flowchart LR\n  n0["app_events_silver"]\n  n1["event_metrics_gold"]\n  n0 --> n1\n'
        )

    with_client(settings, body)


class Counting(Catalog):
    """Counts how often a table was asked for."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.asked = 0

    def table(self, name: str) -> Any:
        self.asked += 1
        return super().table(name)


def test_many_who_ask_at_once_are_answered_by_one_look(settings: Settings) -> None:
    catalog = Counting(settings)

    async def body() -> None:
        metadata = Metadata(catalog)

        async def ask() -> bytes:
            return await metadata.answer("x", lambda known: known.table("batch_runs"))

        first = asyncio.create_task(ask())
        await asyncio.sleep(0)
        others = [asyncio.create_task(ask()) for _ in range(100)]
        first.cancel()  # who goes away does not take the answer along
        answers = await asyncio.gather(*others)
        assert catalog.asked == 1 and len(set(answers)) == 1
        await metadata.annotate("batch_runs", Annotation(owner="new"), by="test")
        assert json.loads(await ask())["owner"] == "new"
        assert catalog.asked == 2

    asyncio.run(body())


def test_an_edit_overtakes_an_answer_that_is_being_made(settings: Settings) -> None:
    async def body() -> None:
        metadata = Metadata(Catalog(settings))
        loop = asyncio.get_running_loop()
        begun, edited = asyncio.Event(), asyncio.Event()

        def slow(catalog: Catalog) -> Any:
            before = catalog.table("batch_runs")
            loop.call_soon_threadsafe(begun.set)
            asyncio.run_coroutine_threadsafe(edited.wait(), loop).result()
            return before

        old = asyncio.create_task(metadata.answer("x", slow))
        await begun.wait()
        await metadata.annotate("batch_runs", Annotation(owner="new"), by="test")
        after = await metadata.answer("x", lambda catalog: catalog.table("batch_runs"))
        assert json.loads(after)["owner"] == "new"
        edited.set()
        assert json.loads(await old)["owner"] == "data-platform"
        assert await metadata.answer("x", slow) == after

    asyncio.run(body())


def test_errors_are_not_kept_and_answers_are_bounded(settings: Settings) -> None:
    async def body() -> None:
        metadata = Metadata(Catalog(settings))
        for _ in range(2):
            with pytest.raises(NotFound):
                await metadata.answer("x", lambda catalog: catalog.table("nothing"))
        assert await metadata.answer("x", lambda _: "found") == b"found"
        for number in range(2 * MOST):
            await metadata.answer(number, lambda _: b"")
        assert len(metadata._answers) <= MOST

    asyncio.run(body())
