"""The OpenAPI document: valid, whole, and kept by what the application answers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import jsonschema_rs
import msgspec
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31

from contracts.errors import InvalidRecord
from contracts.heartbeat import HeartbeatWriter
from contracts.settings import Settings
from kafka_cluster import dead_letter_log
from kafka_cluster.dead_letter_box import Note
from kafka_cluster.dead_letters import dead_letter
from tests.web.access.test_routes import NEEDS
from tests.web.openapi_contract import Contract
from tests.web.test_api import ERRORS
from web.openapi import examples
from web.openapi.operations import OPERATIONS, PARAMETERS, TAGS


def test_the_document_is_openapi(contract: Contract) -> None:
    jsonschema_rs.validator_for(OPENAPI_31).validate(contract.document)
    for schema in contract.document["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
        assert schema["description"]


def test_json_and_yaml_say_the_same(settings: Settings, with_client: Any) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        document = await client.get("/schema/openapi.json")
        assert document.headers["content-type"] == "application/vnd.oai.openapi+json"
        for name in ("/schema/openapi.yaml", "/schema/openapi.yml"):
            assert msgspec.yaml.decode((await client.get(name)).content) == document.json()

    with_client(settings, body)


def test_every_operation_is_told_whole(contract: Contract) -> None:
    assert set(contract.operations) == set(OPERATIONS)
    assert [tag["name"] for tag in contract.document["tags"]] == list(TAGS)
    parameters = set()
    for name, operation in contract.operations.items():
        assert operation["summary"] and operation["description"] and set(operation["tags"]) <= set(TAGS)
        assert {"200", "429", "500"} <= set(operation["responses"]), name
        for status, reference in operation["responses"].items():
            answer = contract.resolved(reference)
            assert "X-Request-Id" in answer["headers"]
            problem = "application/problem+json" in answer["content"]
            assert problem == (status != "200" and (name, status) != ("Health", "503"))
        for parameter in operation.get("parameters", ()):
            parameters.add(parameter["name"])
            assert parameter["description"], (name, parameter["name"])
            assert "example" in parameter or parameter["schema"]["type"] == "boolean", parameter["name"]
    assert parameters >= set(PARAMETERS)


def test_scopes_are_those_of_the_routes(contract: Contract) -> None:
    said = {
        (method.upper(), path): operation
        for path, methods in contract.document["paths"].items()
        for method, operation in methods.items()
    }
    needs = {(method, re.sub(r":\w+}", "}", path)): need for (method, path), need in NEEDS.items()}
    for place, operation in said.items():
        need = needs[place]
        assert operation["x-scope"] == need
        assert {"key": [] if need == "open" else [need]} in operation["security"]
        assert ("401" in operation["responses"]) == (need != "open")
        assert ("403" in operation["responses"]) == (need in ("query", "admin"))


def test_where_keys_are_asked_for_the_document_says_so(
    tmp_path: Any, make_settings: Any, with_client: Any
) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        answer = await client.get("/schema/openapi.json")
        assert answer.status_code == 200  # without a key
        operations = Contract(answer.json()).operations
        assert operations["Query"]["security"] == [{"key": ["query"]}]
        assert {} in operations["Health"]["security"]

    with_client(make_settings(tmp_path / "data", host="0.0.0.0"), body, host="platform.example:26010")


def promised(contract: Contract) -> Iterator[tuple[Any, Any]]:
    """Every schema with an example of it."""
    for operation in contract.operations.values():
        for parameter in operation.get("parameters", ()):
            if "example" in parameter:
                yield parameter["schema"], parameter["example"]
        answers = [contract.resolved(answer) for answer in operation["responses"].values()]
        for holder in [*answers, operation.get("requestBody", {"content": {}})]:
            for media in holder["content"].values():
                for example in media.get("examples", {}).values():
                    yield media["schema"], example["value"]
    for header in contract.document["components"]["headers"].values():
        yield header["schema"], header["example"]
    yield {"$ref": "#/components/schemas/Moment"}, msgspec.to_builtins(examples.MOMENT)


def test_every_example_fits_its_schema(contract: Contract) -> None:
    pairs = list(promised(contract))
    assert len(pairs) > 200
    for schema, example in pairs:
        contract.holds(schema, example)
    for operation in contract.operations.values():
        body = operation.get("requestBody")
        assert body is None or body["content"]["application/json"]["examples"]


def test_examples_of_sql_run_over_our_tables(contract: Contract, silver: Settings, with_client: Any) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        media = contract.operations["Query"]["requestBody"]["content"]["application/json"]
        for example in media["examples"].values():
            asked = {key: value for key, value in example["value"].items() if key != "as_of"}
            response = await client.post("/query", json=asked)
            assert response.status_code == 200, response.text
            assert contract.check(response) == "Query"

    with_client(silver, body)


ASKED = (
    "/health",
    "/problems/timeout",
    "/tables",
    "/tables?layer=gold&tag=metrics&q=hour&owner=data-platform",
    "/tables/app_events_silver",
    "/tables/event_metrics_gold",
    "/tables/app_events_silver/history?limit=1",
    "/tables/app_events_silver/preview",
    "/tables/app_events_silver/preview?limit=2&columns=event_id&order=-event_timestamp&where=event_hour=0",
    "/catalog",
    "/catalog?format=markdown",
    "/catalog/schema",
    "/catalog/lineage/app_events_silver?columns=true",
    "/catalog/lineage/app_events_silver?format=mermaid&direction=upstream&depth=1",
    "/streams",
    "/jobs",
    "/jobs?job=user_segments&status=succeeded&limit=1",
    "/metrics",
    "/quality?passed=true",
    "/quality/app_events_silver?limit=1",
    "/health/report",
    "/health/report?format=html",
    "/alerts?all=true",
    "/audit?limit=5",
    "/me",
    "/functions",
    "/trace/event_id-0",
    "/dead-letters",
    "/dead-letters?source=users&kind=no_json&limit=1",
)
FORMS = (
    "application/json",
    "text/csv",
    "application/vnd.apache.arrow.stream",
    "application/vnd.apache.parquet",
)
WRONG = (
    ("GET", "/jobs?status=lost", {}, 400),
    ("GET", "/problems/nothing", {}, 404),
    ("GET", "/catalog/lineage/nothing", {}, 404),
    ("GET", "/trace/nothing", {}, 404),
    ("GET", "/dead-letters", {}, 503),
    ("GET", "/dead-letters?limit=0", {}, 400),
    ("PATCH", "/tables/app_events_silver", {"json": {}}, 422),
    ("PATCH", "/tables/app_events_silver", {"json": {"owner": ""}}, 400),
    ("PATCH", "/tables/nothing", {"json": {"owner": "x"}}, 404),
    ("POST", "/query", {"content": b"sql=1", "headers": {"content-type": "text/plain"}}, 400),
    ("POST", "/query", {"json": {"sql": "SELECT 1"}, "headers": {"accept": "text/html"}}, 406),
    ("POST", "/query", {"json": {"sql": "SELECT 1"}, "headers": {"origin": "http://evil.example"}}, 403),
    ("GET", "/health", {"headers": {"host": "evil.example"}}, 421),
    ("GET", "/tables?q=" + "x" * 9000, {}, 414),
    ("GET", "/health", {"headers": {"x-filler": "x" * 20000}}, 431),
)
"""Beside those of test_api."""


def test_answers_are_those_that_are_promised(
    contract: Contract,
    silver: Settings,
    with_client: Any,
    add: Any,
    make_rows: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    HeartbeatWriter(silver, "ingestion").beat(state="running", force=True)
    add(silver, "app_events_bronze", make_rows("app_events_bronze", 1))
    record = SimpleNamespace(
        topic="topic_users", partition=0, offset=1, timestamp=0, value=b"\xff", key=None, headers=[]
    )
    letter = dead_letter(record, InvalidRecord("no JSON", kind="no_json"))

    async def notes(*_: Any) -> AsyncIterator[Note]:
        yield Note(0, 1, letter)

    monkeypatch.setattr(dead_letter_log, "read_notes", notes)  # there is no broker
    monkeypatch.setattr(dead_letter_log.connections, "check_reachable", lambda *_: None)

    async def body(client: httpx.AsyncClient) -> None:
        seen = set()
        for path in ASKED:
            response = await client.get(path)
            assert response.status_code == 200, (path, response.text)
            seen.add(contract.check(response))
        for form in FORMS:
            asked = {
                "sql": "SELECT user_id, sum(event_hour) AS h, 1.5 AS d FROM app_events_silver GROUP BY 1"
            }
            response = await client.post("/query", json=asked, headers={"accept": form})
            assert response.headers["content-type"].startswith(form)
            seen.add(contract.check(response))
        large = await client.post("/query", json={"sql": "SELECT repeat('x', 1000) FROM range(1000)"})
        assert "x-row-count" not in large.headers  # sent while the query ran
        seen.add(contract.check(large))
        change = {"owner": "growth@shop.example", "tags": ["kpi"]}
        seen.add(contract.check(await client.patch("/tables/app_events_silver", json=change)))
        silence = {"rule": "lag_high", "subject": "*", "seconds": 60, "reason": "A test."}
        silenced = await client.post("/alerts/silences", json=silence)
        seen.add(contract.check(silenced))
        seen.add(contract.check(await client.delete(f"/alerts/silences/{silenced.json()['id']}")))
        assert seen == set(OPERATIONS) - {"Events"}

    with_client(silver, body)


def test_errors_are_those_that_are_promised(contract: Contract, silver: Settings, with_client: Any) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        for method, path, content, status, _ in ERRORS:
            if status == 405 or path == "/nowhere":
                continue  # of no operation
            headers = {"content-type": "application/json"} if content else {}
            contract.check(await client.request(method, path, content=content, headers=headers))
        for method, path, options, status in WRONG:
            response = await client.request(method, path, **options)
            assert response.status_code == status, (path, response.text)
            contract.check(response)
        HeartbeatWriter(silver, "ingestion").beat(state="failed", force=True)
        failed = await client.get("/health")
        assert failed.status_code == 503
        contract.check(failed)

    with_client(silver, body)
