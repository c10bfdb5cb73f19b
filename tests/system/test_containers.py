"""The smallest set of containers (KRaft, embedded engine) as processes, watched by Prometheus: an event goes
through to SQL, and what dashboards and rules speak of is there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import httpx
import promql_parser
import pytest
import yaml

from contracts.configuration import load
from contracts.errors import SettingsError
from contracts.sources import APP_EVENTS
from kafka_cluster.topics import admin
from runtime.observability.dashboards import DASHBOARDS
from runtime.observability.files import FOLDER
from runtime.observability.rules import RECORDED, rules
from runtime.observability.scraping import ASKED_TWICE, local_targets, scrape_config
from runtime.topology import jvm
from tests.runtime.compose_project import Project
from tests.runtime.free_ports import free_ports
from tests.runtime.promql import metric_names

pytestmark = [pytest.mark.timeout(900)]

PROMETHEUS = shutil.which("prometheus")
EVENTS = 30


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    running = Project(tmp_path_factory.mktemp("containers"), "kraft", "embedded")
    try:
        running.start_all()
        yield running
    finally:
        running.end()


@pytest.fixture(scope="module")
def key(project: Project) -> str:
    """As the documentation has it made for Prometheus."""
    return project.dp("lakehouse-api", "keys", "create", "prometheus", "--scope", "query").strip()


@pytest.fixture(scope="module")
def api(project: Project, key: str) -> Iterator[httpx.Client]:
    url = f"http://127.0.0.1:{project.ports['ports.api']}"
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def gold(project: Project, api: httpx.Client) -> int:
    """Events that have reached gold by way of every container."""
    now = datetime.now(UTC).isoformat()
    lines = [
        json.dumps(
            {
                "event_id": f"container-{number}",
                "user_id": f"user-{number % 3}",
                "event_type": "purchase",
                "app_type": "web",
                "event_timestamp": now,
                "event_value": 2.5,
            }
        )
        for number in range(EVENTS)
    ]
    file = project.folder / "events.ndjson"
    file.write_text("\n".join(lines), "utf-8")
    project.dp("ingestion-layer", "produce", APP_EVENTS.topic, str(file))
    for table in ("app_events_silver", "event_metrics_gold"):
        wanted = "count(*)" if table.endswith("silver") else "coalesce(sum(total_events), 0)"
        while _query(api, f"SELECT {wanted} FROM {table}") != EVENTS:
            time.sleep(0.5)
    return EVENTS


def test_the_broker_runs_without_zookeeper(project: Project, gold: int) -> None:
    assert "zookeeper" not in project.containers
    settings = load(environ=project.environment("kafka-kraft")).settings
    meta = dict(
        line.split("=", 1)
        for line in (settings.data_root / "kafka/meta.properties").read_text("utf-8").splitlines()
        if "=" in line
    )
    assert (meta["version"], meta["node.id"]) == ("1", "1")
    client = admin(settings)  # held: what it was asked for ends with it
    cluster = client.describe_cluster().result()
    assert (cluster.cluster_id, [node.id for node in cluster.nodes]) == (meta["cluster.id"], [1])


def test_the_broker_keeps_its_topics_when_it_is_started_again(project: Project, gold: int) -> None:
    settings = load(environ=project.environment("kafka-kraft")).settings
    before = set(admin(settings).list_topics(timeout=30).topics)
    process = project.running["kafka-kraft"]
    process.kill()
    process.wait()
    project.start("kafka-kraft")
    while not project.is_healthy("kafka-kraft"):
        time.sleep(1)
    assert set(admin(settings).list_topics(timeout=30).topics) == before


def test_zookeeper_cannot_take_over_what_kraft_wrote(project: Project) -> None:
    environ = project.environment("kafka-kraft") | {"DP_KAFKA_COORDINATION": "zookeeper"}
    settings = load(environ=environ).settings
    with pytest.raises(SettingsError, match="was written with kraft"):
        jvm.kafka(settings)


def test_the_business_is_told_to_those_who_may_query(project: Project, api: httpx.Client, gold: int) -> None:
    text = api.get("/metrics").text
    assert 'dp_business_day_events{app_type="web",event_type="purchase"} 30.0' in text
    assert 'dp_business_day_value{app_type="web",event_type="purchase"} 75.0' in text
    reader = project.dp("lakehouse-api", "keys", "create", "reader", "--scope", "read").strip()
    answer = api.get("/metrics", headers={"authorization": f"Bearer {reader}"})
    assert answer.status_code == 200
    assert "dp_health_ready" in answer.text
    assert "dp_business" not in answer.text


def test_rules_and_dashboards_speak_of_metrics_that_there_are(
    project: Project, api: httpx.Client, gold: int
) -> None:
    answers = [api.get("/metrics")]
    for port in ("ingestion_metrics", "worker_web"):
        answers.append(httpx.get(f"http://127.0.0.1:{project.ports[f'ports.{port}']}/metrics"))
    # Prometheus 3 refuses a page that does not say so; the one of the tests may be older.
    assert {answer.headers["content-type"].partition(";")[0] for answer in answers} == {"text/plain"}
    pages = [answer.text for answer in answers]
    told = {line.split()[2] for page in pages for line in page.splitlines() if line.startswith("# TYPE ")} | {
        "up",
        *RECORDED,
    }
    asked = [expression for dashboard in DASHBOARDS.values() for expression in dashboard.expressions()]
    asked += [rule["expr"] for group in rules()["groups"] for rule in group["rules"]]
    assert {name for expression in asked for name in metric_names(expression)} - told == set()


@pytest.mark.skipif(
    PROMETHEUS is None, reason="no prometheus on this machine (Debian: apt install prometheus)"
)
def test_prometheus_watches_it(project: Project, api: httpx.Client, key: str, gold: int) -> None:
    assert PROMETHEUS is not None
    folder = project.folder / "prometheus"
    folder.mkdir()
    (folder / "key").write_text(key, "utf-8")
    shutil.copy(FOLDER / "prometheus/rules.yml", folder)
    address = f"127.0.0.1:{free_ports(1)[0]}"
    settings = load(
        environ=project.environment("ingestion-layer") | {"DP_NETWORK_HOST": "127.0.0.1"}
    ).settings
    targets = local_targets(settings, address)
    config = scrape_config(targets, key_file=str(folder / "key"), interval_seconds=2)
    (folder / "prometheus.yml").write_text(json.dumps(config), "utf-8")
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            (
                PROMETHEUS,
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
            ),
            cwd=folder,
            env={"PATH": os.environ["PATH"]},
            stdout=log,
            stderr=log,
        )
    try:
        with httpx.Client(base_url=f"http://{address}/api/v1", timeout=30) as client:
            _watched(client, targets)
    finally:
        process.terminate()
        process.wait()


def _watched(client: httpx.Client, targets: dict[str, list[str]]) -> None:
    def ask(path: str, **parameters: str) -> Any:
        return client.get(path, params=parameters).json()["data"]

    def value(expression: str) -> list[float]:
        return [float(each["value"][1]) for each in ask("/query", query=expression)["result"]]

    wanted = {(job, address) for job, addresses in targets.items() for address in addresses}
    found: dict[tuple[str, str], str] = {}
    while set(found.values()) != {"up"} or found.keys() != wanted:
        with suppress(httpx.TransportError, ValueError):  # it is starting, and says so in plain text
            active = ask("/targets")["activeTargets"]
            found = {(each["labels"]["job"], each["labels"]["instance"]): each["health"] for each in active}
        time.sleep(0.5)
    while any(rule["health"] == "unknown" for rule in _rules(ask)):
        time.sleep(0.5)
    assert {rule["name"]: rule.get("lastError") for rule in _rules(ask) if rule["health"] != "ok"} == {}
    declared = yaml.safe_load((FOLDER / "prometheus/rules.yml").read_text("utf-8"))
    assert len(_rules(ask)) == sum(len(group["rules"]) for group in declared["groups"])
    assert set(value("up")) == {1.0}
    assert value("sum(dp_business_day_events)") == [EVENTS]
    assert value("dp_kafka_up") == [1.0], "once, not once from each page"
    assert value(f'count({{job="ingestion",__name__=~"{ASKED_TWICE}"}})') == []
    for dashboard in DASHBOARDS.values():
        for expression in dashboard.expressions():
            promql_parser.parse(expression)
            assert client.get("/query", params={"query": expression}).status_code == 200, expression


def _rules(ask: Any) -> list[dict[str, Any]]:
    return [rule for group in ask("/rules")["groups"] for rule in group["rules"]]


def _query(api: httpx.Client, sql: str) -> Any:
    answer = api.post("/query", json={"sql": sql})
    assert answer.status_code == 200, answer.text
    return answer.json()["rows"][0][0]
