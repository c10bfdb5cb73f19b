"""The REST API over real tables: what it says, and whom it refuses."""

from __future__ import annotations

import json
from typing import Any

import httpx
import msgspec

from contracts.heartbeat import HeartbeatWriter, heartbeats_folder
from contracts.layout import run_folder
from contracts.secrets import secret
from contracts.settings import Settings
from lakehouse.catalog import TABLES
from web.access.keys import FIRST_SECRET


def test_tables_of_an_empty_platform_are_all_declared_ones(settings: Settings, with_client: Any) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        tables = (await client.get("/tables")).json()
        assert [table["name"] for table in tables] == list(TABLES)
        assert {table["version"] for table in tables} == {None}
        assert {table["freshness"] for table in tables} == {"empty"}
        for name in TABLES:
            detail = (await client.get(f"/tables/{name}")).json()
            assert [c["name"] for c in detail["columns"]] == TABLES[name].schema.names
            preview = (await client.get(f"/tables/{name}/preview")).json()
            assert [c["name"] for c in preview["columns"]] == TABLES[name].schema.names
            assert preview["rows"] == []
        assert (await client.get("/tables", params={"layer": "gold"})).json()[0]["layer"] == "gold"

    with_client(settings, body)


def test_a_table_says_what_it_holds(silver: Settings, with_client: Any) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        detail = (await client.get("/tables/app_events_silver")).json()
        assert (detail["rows"], detail["version"], detail["files"]) == (30, 1, 2)
        assert detail["newest_event"] == "2025-11-25T12:00:00Z"
        assert [commit["version"] for commit in detail["history"]] == [1, 0]
        assert {"event_metrics_gold", "hourly_metrics_gold", "user_activity_silver"} <= set(
            detail["downstream"]
        )
        preview = (await client.get("/tables/app_events_silver/preview", params={"limit": 3})).json()
        at = [c["name"] for c in preview["columns"]].index("event_timestamp")
        assert [row[at] for row in preview["rows"]] == ["2025-11-25T12:00:00Z"] * 3

    with_client(silver, body)


def test_a_query_answers_json_csv_and_versions(silver: Settings, with_client: Any) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        sql = (
            "SELECT count(*) AS n, 9007199254740993 AS n, 'nan'::DOUBLE AS f, 1.50::DECIMAL(9, 2) AS d, "
            "max(event_timestamp) AS t FROM app_events_silver"
        )
        answer = (await client.post("/query", json={"sql": sql})).json()
        assert [c["name"] for c in answer["columns"]] == ["n", "n", "f", "d", "t"]
        assert answer["rows"] == [[30, 9007199254740993, "NaN", "1.50", "2025-11-25T12:00:00Z"]]
        assert answer["versions"] == {"app_events_silver": 1}
        csv = await client.post("/query", json={"sql": "SELECT '=1+1' AS a, -5 AS b", "format": "csv"})
        assert csv.text == "a,b\r\n'=1+1,-5\r\n"
        assert csv.headers["content-type"].startswith("text/csv")
        cut = (await client.post("/query", json={"sql": "FROM range(10)", "limit": 2})).json()
        assert (cut["row_count"], cut["truncated"]) == (2, True)

    with_client(silver, body)


ERRORS: list[tuple[str, str, bytes | None, int, str]] = [
    ("GET", "/tables?layer=copper", None, 400, "bad_request"),
    ("GET", "/tables/app_event_silver", None, 404, "not_found"),
    ("GET", "/tables/nothing/preview", None, 404, "not_found"),
    ("GET", "/tables/app_events_silver/preview?limit=0", None, 400, "bad_request"),
    ("GET", "/nowhere", None, 404, "not_found"),
    ("DELETE", "/tables", None, 405, "method_not_allowed"),
    ("POST", "/query", b'{"sql": "SELECT 1', 400, "bad_request"),
    ("POST", "/query", b"{}", 400, "bad_request"),
    ("POST", "/query", b'{"sql": "SELECT 1", "limits": 5}', 400, "bad_request"),
    ("POST", "/query", b"[" * 100_000, 400, "bad_request"),
    ("POST", "/query", b'{"sql": "SELECT INTERVAL 170000000 YEAR"}', 400, "invalid"),
    ("POST", "/query", b'{"sql": "SELECT \\ud800"}', 400, "bad_request"),
    (
        "POST",
        "/query",
        b'{"sql": "FROM app_events_silver", "version": 9223372036854775808}',
        404,
        "not_found",
    ),
    ("GET", "/tables/%00", None, 404, "not_found"),
    ("GET", "/tables/%ED%A0%80", None, 404, "not_found"),
    ("GET", "/tables/app_events_silver/preview?where=%00", None, 400, "invalid"),
    ("GET", "/tables/app_events_silver/preview?where=x" + ".abs()" * 1_000, None, 403, "refused"),
    ("GET", "/tables/app_events_silver/preview?as_of=0001-01-01T00:00:00%2B14:00", None, 404, "not_found"),
    ("POST", "/query", b'{"sql": "SELEKT 1"}', 400, "invalid"),
    ("POST", "/query", b'{"sql": "SELECT nothing"}', 400, "invalid"),
    ("POST", "/query", b'{"sql": "DROP TABLE app_events_silver"}', 403, "refused"),
    ("POST", "/query", b'{"sql": "FROM \'/etc/passwd\'"}', 403, "refused"),
    ("POST", "/query", b'{"sql": "FROM app_events"}', 404, "not_found"),
    ("POST", "/query", b'{"sql": "' + b"x" * 300_000 + b'"}', 413, "too_large"),
    (
        "POST",
        "/query",
        b'{"sql": "SELECT sum(hash(range) % 3) FROM range(1000000000000)", "timeout": 0.5}',
        408,
        "timeout",
    ),
]
"""Method, path, body, and the status and the code of the answer."""


def test_errors_are_json_with_a_code(silver: Settings, with_client: Any) -> None:
    async def ask(client: httpx.AsyncClient) -> None:
        for method, path, body, status, code in ERRORS:
            response = await client.request(
                method, path, content=body, headers={"content-type": "application/json"} if body else {}
            )
            answer = response.json()
            told = (response.status_code, answer["code"], answer["status"])
            assert told == (status, code, status), (method, path, body and body[:80])
            assert answer["detail"] and answer["title"]
            assert response.headers["content-type"] == "application/problem+json"
            told = (await client.get(answer["type"])).json()
            assert told["title"] == answer["title"]

    with_client(silver, ask)


def test_other_hosts_and_other_sites_are_refused(settings: Settings, with_client: Any) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        statuses = {
            host: (await client.get("/tables", headers={"host": host})).status_code
            for host in (
                "127.0.0.1:26010",
                "localhost",
                "LOCALHOST:1",
                "[::1]:80",
                "evil.example",
                "",
                "127.0.0.1.evil",
            )
        }
        assert statuses == {
            "127.0.0.1:26010": 200,
            "localhost": 200,
            "LOCALHOST:1": 200,
            "[::1]:80": 200,
            "evil.example": 421,
            "": 421,
            "127.0.0.1.evil": 421,
        }
        query = {"sql": "SELECT 1"}
        for headers, status in (
            ({}, 200),
            ({"origin": "http://127.0.0.1:26010"}, 200),
            ({"origin": "http://evil.example"}, 403),
            ({"origin": "null"}, 403),
            ({"sec-fetch-site": "cross-site"}, 403),
            ({"sec-fetch-site": "same-origin"}, 200),
        ):
            assert (await client.post("/query", json=query, headers=headers)).status_code == status

    with_client(settings, body)


def test_another_address_than_loopback_needs_the_key(
    tmp_path: Any, make_settings: Any, with_client: Any
) -> None:
    settings = make_settings(tmp_path / "data", host="0.0.0.0")

    async def body(client: httpx.AsyncClient) -> None:
        refused = await client.get("/tables")
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
        assert refused.headers["www-authenticate"] == "Bearer"
        assert (await client.get("/")).status_code == 200
        assert set((await client.get("/health")).json()) == {"status"}
        for wrong in ("Bearer x", "Basic x", "Bearer", ""):
            answer = await client.get("/tables", headers={"authorization": wrong})
            assert answer.status_code == 401
        key = {"authorization": f"Bearer {secret(settings, FIRST_SECRET)}"}
        assert (await client.get("/tables", headers=key)).status_code == 200
        assert "services" in (await client.get("/health", headers=key)).json()

    with_client(settings, body, host="platform.example:26010")


def test_every_answer_is_strict_with_browsers(settings: Settings, with_client: Any) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        for path in ("/", "/docs/docs.js", "/tables", "/nowhere", "/schema/openapi.json"):
            headers = (await client.get(path)).headers
            assert "default-src 'none'" in headers["content-security-policy"]
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert "access-control-allow-origin" not in headers
        page = (await client.get("/")).text
        assert "http://" not in page and "https://" not in page and "<script>" not in page

    with_client(settings, body)


def test_openapi_names_every_operation(settings: Settings, with_client: Any) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        document = (await client.get("/schema/openapi.json")).json()
        operations = {o["operationId"] for path in document["paths"].values() for o in path.values()}
        assert operations == {
            *("Health", "Problem", "Query"),
            *("HealthReport", "Alerts", "AddSilence", "RemoveSilence"),
            *("Streams", "Jobs", "Metrics", "Events"),
            *("Me", "Functions", "Trace", "DeadLetters"),
            "ListTables",
            "GetTable",
            "TableHistory",
            "AnnotateTable",
            "PreviewTable",
            "ExportCatalog",
            "CatalogSchema",
            "Lineage",
            *("Quality", "QualityTrend"),
            "Audit",
        }

    with_client(settings, body)


def test_health_follows_heartbeats_and_the_supervisor(silver: Settings, with_client: Any) -> None:
    def beat(name: str, state: str, age: float = 0.0) -> None:
        HeartbeatWriter(silver, name).beat(state=state, message="because", force=True)
        if age:
            path = heartbeats_folder(silver) / f"{name}.json"
            old = json.loads(path.read_text())
            path.write_text(json.dumps(old | {"at": old["at"] - age}))

    async def body(client: httpx.AsyncClient) -> None:
        async def status() -> tuple[int, str]:
            response = await client.get("/health")
            return response.status_code, response.json()["status"]

        assert await status() == (200, "healthy")
        beat("mobile-simulator", "running", age=100)
        assert await status() == (200, "healthy")
        beat("ingestion", "running", age=100)
        assert await status() == (200, "degraded")
        beat("ingestion", "failed")
        assert await status() == (503, "failed")
        beat("ingestion", "running")
        assert await status() == (200, "healthy")
        copy = {"at": msgspec.json.decode((heartbeats_folder(silver) / "ingestion.json").read_bytes())["at"]}
        services = [{"name": "kafka", "state": "restarting", "message": "exit 1", "new_field": 1}]
        (run_folder(silver) / "status.json").write_bytes(msgspec.json.encode(copy | {"services": services}))
        answer = (await client.get("/health")).json()
        assert answer["status"] == "degraded"
        assert answer["reasons"] == ["kafka is restarting: exit 1"]
        assert answer["tables"]["app_events_silver"]["freshness"] == "stale"

    with_client(silver, body)


def test_what_events_carry_stays_data(settings: Settings, with_client: Any, add: Any, make_rows: Any) -> None:
    evil = '{"x":"<script>alert(1)</script>"}'
    add(
        settings,
        "app_events_silver",
        make_rows("app_events_silver", 1, properties=evil, user_id="<img src=x>"),
    )

    async def body(client: httpx.AsyncClient) -> None:
        response = await client.get("/tables/app_events_silver/preview")
        assert response.headers["content-type"] == "application/json"
        assert evil in response.json()["rows"][0]

    with_client(settings, body)
