"""docker-compose.yml: the specification, the design, and the local topology, compared with one another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from contracts import configuration
from contracts.settings import Settings
from runtime import compose
from runtime.services import all_services, services

DESIGN = {
    "zookeeper": {"2181"},
    "kafka": {"9092", "29092"},
    "spark-master": {"7077", "8080"},
    "spark-worker-1": {"8081"},
    "spark-worker-2": {"8082"},
    "ingestion-layer": set(),
    "lakehouse-api": {"8888"},
}
"""The seven containers of docs, and the ports that they must at least serve."""
BESIDE = {"schema-registry", "stream-worker-1", "lakehouse-driver", "scheduler"}
SIMULATORS = {
    *("mobile-simulator", "web-simulator", "clickstream-simulator", "cdc-simulator"),
    "external-data-simulator",
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(compose.FILE.read_text("utf-8"))
    return loaded


@pytest.fixture(scope="module")
def containers(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["services"]
    return found


def container_settings(container: Mapping[str, Any]) -> Settings:
    environ = {key: str(value) for key, value in container["environment"].items()}
    return configuration.load(environ=environ).settings


def test_the_committed_file_is_the_rendered_one() -> None:
    assert compose.FILE.read_text("utf-8") == compose.render(), "run `python -m runtime.compose`"


def test_the_file_says_what_was_meant(document: dict[str, Any]) -> None:
    assert document == compose.document()


def test_the_file_keeps_to_the_compose_specification(document: dict[str, Any]) -> None:
    schema = json.loads((Path(__file__).with_name("files") / "compose-spec.json").read_text("utf-8"))
    jsonschema.validate(document, schema)


def test_the_containers_of_the_design_are_there(document: dict[str, Any], containers: dict[str, Any]) -> None:
    assert set(containers) == set(DESIGN) | BESIDE | SIMULATORS
    for name, ports in DESIGN.items():
        assert containers[name]["container_name"] == name
        assert ports <= set(containers[name].get("expose", []))
    assert {name for name, content in containers.items() if content.get("profiles")} == SIMULATORS
    assert document["name"] == "data-platform"
    assert list(document["networks"]) == ["data-platform"]
    assert all(content["networks"] == ["data-platform"] for content in containers.values())
    for name in ("spark-worker-1", "spark-worker-2"):
        assert (containers[name]["mem_limit"], containers[name]["cpus"]) == ("2048m", 2)


def test_only_the_api_is_published_beyond_the_host_and_it_asks_for_keys(containers: dict[str, Any]) -> None:
    published = [port for content in containers.values() for port in content.get("ports", [])]
    assert [port for port in published if not port.startswith("127.0.0.1:")] == ["8888:8888"]
    assert "127.0.0.1:29092:29092" in published
    assert "127.0.0.1:4040:4040" in published
    assert container_settings(containers["lakehouse-api"]).api.keys


def test_outputs_and_data_lie_where_the_design_says(containers: dict[str, Any]) -> None:
    volumes = containers["lakehouse-driver"]["volumes"]
    assert volumes == ["lakehouse:/var/lib/lakehouse", "outputs:/var/lib/spark/outputs"]
    settings = container_settings(containers["lakehouse-driver"])
    assert str(settings.data_root) == "/var/lib/lakehouse"
    assert str(settings.outputs_root) == "/var/lib/spark/outputs"


def test_containers_are_the_local_services(containers: dict[str, Any]) -> None:
    local = {service.name: service for service in services(Settings())}
    assert {content["environment"]["DP_SERVICE"] for content in containers.values()} == set(local)
    hosts = {service.name: service.host for service in local.values()}
    for content in containers.values():
        service = local[content["environment"]["DP_SERVICE"]]
        assert content["command"] == ["service", service.name]
        assert set(content.get("depends_on", {})) == {hosts[name] for name in service.depends_on}
        assert {int(port) for port in content.get("expose", [])} == {port.number for port in service.ports}
        for port in content.get("ports", []):
            host_side, container_side = port.split(":")[-2:]
            assert host_side == container_side
        assert content["healthcheck"]["test"][-2:] == [service.name, "--check"]


@pytest.mark.parametrize("name", [service.name for service in all_services(Settings())])
def test_a_container_runs_the_local_command_line_but_for_hosts_and_paths(
    containers: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from runtime import jars, java
    from runtime.topology import jvm

    monkeypatch.setattr(jars, "ensure", lambda settings: tmp_path)
    monkeypatch.setattr(jars, "registry_jar", lambda settings: tmp_path / "registry-runner.jar")
    monkeypatch.setattr(java, "java_home", lambda settings: tmp_path / "java")
    monkeypatch.setattr(java, "spark_java_home", lambda settings: tmp_path / "java")
    # The secret would be made under the container's data root.
    monkeypatch.setattr(jvm, "spark_files", lambda settings, service: ())
    content = next(each for each in containers.values() if each["environment"]["DP_SERVICE"] == name)
    in_container = container_settings(content)
    local = configuration.load(flags={"paths.data": str(tmp_path / "data")}, environ={}).settings

    def neutral(settings: Settings) -> list[str]:
        (service,) = (each for each in all_services(settings) if each.name == name)
        text = "\0".join(service.launch(settings).argv).replace(str(settings.data_root), "DATA")
        for host in ("127.0.0.1", "0.0.0.0", *containers):
            text = text.replace(f"\0{host}\0", "\0HOST\0").replace(f"//{host}:", "//HOST:")
        return text.split("\0")

    assert neutral(in_container) == neutral(local)


def test_every_host_that_is_named_is_a_container(containers: dict[str, Any]) -> None:
    settings = container_settings(containers["ingestion-layer"])
    urls = (settings.registry_url, settings.control_url, settings.spark_master)
    named = {url.split("://")[1].split(":")[0] for url in urls}
    named |= {address.split(":")[0] for address in (settings.bootstrap_servers, settings.zookeeper_connect)}
    named.add(settings.spark.driver_host)
    assert named <= set(containers)


def test_the_broker_tells_its_peers_its_name_and_the_host_its_loopback(containers: dict[str, Any]) -> None:
    from runtime.topology.jvm import kafka_properties

    properties = kafka_properties(container_settings(containers["kafka"]))
    assert properties["advertised.listeners"] == "INTERNAL://kafka:9092,EXTERNAL://127.0.0.1:29092"
    assert properties["listeners"] == "INTERNAL://0.0.0.0:9092,EXTERNAL://0.0.0.0:29092"


def test_no_secret_is_in_the_file() -> None:
    text = compose.FILE.read_text("utf-8").lower()
    assert not [word for word in ("secret", "password", "token") if word in text]
