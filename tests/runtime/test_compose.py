"""docker-compose.yml: the specification, the design, and the local topology, compared with one another."""

from __future__ import annotations

import graphlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from contracts import configuration
from contracts.settings import Settings
from runtime import compose, containers_reference
from runtime.services import all_services, services
from tests.runtime.compose_project import active

DESIGN = {
    "zookeeper": {"2181"},
    "kafka": {"9092", "29092"},
    "spark-master": {"7077", "8080", "4040"},
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


OBSERVABILITY = {"prometheus", "grafana"}
DEFAULT = ("zookeeper", "spark")
PROFILE_SETS = [
    (*chosen.values(), *further)
    for chosen in compose.combinations()
    for further in ((), ("simulators",), ("observability",), ("simulators", "observability"))
]
"""Every way in which the profiles can be put together."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(compose.FILE.read_text("utf-8"))
    return loaded


@pytest.fixture(scope="module")
def every(document: dict[str, Any]) -> dict[str, Any]:
    """All containers of all profiles."""
    found: dict[str, Any] = document["services"]
    return found


@pytest.fixture(scope="module")
def containers(every: dict[str, Any]) -> dict[str, Any]:
    """Those of our own images under the default profiles, and the simulators."""
    return active(every, *DEFAULT, "simulators")


def container_settings(container: Mapping[str, Any]) -> Settings:
    environ = {key: str(value) for key, value in container["environment"].items()}
    return configuration.load(environ=environ).settings


def test_the_committed_file_is_the_rendered_one() -> None:
    assert compose.FILE.read_text("utf-8") == compose.render(), "run `python -m runtime.compose`"


def test_the_table_of_the_documentation_is_up_to_date() -> None:
    text = containers_reference.PAGE.read_text("utf-8")
    assert text == containers_reference.page(), "run `python -m runtime.containers_reference`"


def test_the_file_says_what_was_meant(document: dict[str, Any]) -> None:
    assert document == compose.document()


def test_the_file_keeps_to_the_compose_specification(document: dict[str, Any]) -> None:
    """The schema is that of github.com/compose-spec/compose-go v2.16.2, under the licence beside it."""
    schema = json.loads((Path(__file__).with_name("files") / "compose-spec.json").read_text("utf-8"))
    jsonschema.validate(document, schema)


def test_the_containers_of_the_design_are_there(document: dict[str, Any], every: dict[str, Any]) -> None:
    names = (compose.ROOT / ".env").read_text("utf-8").partition("COMPOSE_PROFILES=")[2]
    assert tuple(names.strip().split(",")) == DEFAULT
    default = active(every, *DEFAULT)
    assert set(default) == set(DESIGN) | BESIDE
    for name, ports in DESIGN.items():
        assert default[name]["container_name"] == name
        assert ports <= set(default[name].get("expose", []))
    assert set(active(every, *DEFAULT, "simulators")) - set(default) == SIMULATORS
    assert set(active(every, *DEFAULT, "observability")) - set(default) == OBSERVABILITY
    assert document["name"] == "data-platform"
    assert list(document["networks"]) == ["data-platform"]
    assert all(list(content["networks"]) == ["data-platform"] for content in every.values())
    for name in ("spark-worker-1", "spark-worker-2"):
        assert (default[name]["mem_limit"], default[name]["cpus"]) == ("2048m", 2)


def test_alternatives_do_without_what_they_replace(every: dict[str, Any]) -> None:
    def hosts(*profiles: str) -> set[str]:
        return {content["container_name"] for content in active(every, *profiles).values()}

    spark = {"spark-master", "spark-worker-1", "spark-worker-2"}
    assert hosts("kraft", "spark") == hosts(*DEFAULT) - {"zookeeper"}
    assert hosts("zookeeper", "embedded") == hosts(*DEFAULT) - spark
    assert hosts("kraft", "embedded") == hosts(*DEFAULT) - spark - {"zookeeper"}
    for profiles, engine, coordination in (
        (DEFAULT, "spark", "zookeeper"),
        (("kraft", "embedded"), "embedded", "kraft"),
    ):
        by_host = {content["hostname"]: content for content in active(every, *profiles).values()}
        for host in ("lakehouse-driver", "scheduler"):
            assert container_settings(by_host[host]).lakehouse.engine == engine
        assert container_settings(by_host["kafka"]).kafka.coordination == coordination


@pytest.mark.parametrize("profiles", PROFILE_SETS, ids="+".join)
def test_a_set_of_profiles_is_whole(
    document: dict[str, Any], every: dict[str, Any], profiles: tuple[str, ...]
) -> None:
    chosen = active(every, *profiles)
    for name, content in chosen.items():
        assert content["depends_on"].keys() <= chosen.keys(), name
        for other, how in content["depends_on"].items():
            assert how["condition"] != "service_healthy" or "healthcheck" in chosen[other]
        assert set(content["networks"]) <= set(document["networks"])
        assert set(content.get("secrets", [])) <= set(document["secrets"])
        for volume in content.get("volumes", []):
            source = volume.split(":")[0]
            assert (compose.ROOT / source).exists() if "/" in source else source in document["volumes"]
    graph = {name: set(content["depends_on"]) for name, content in chosen.items()}
    tuple(graphlib.TopologicalSorter(graph).static_order())  # raises on a circle
    for unique in ("container_name", "hostname"):
        assert len({content[unique] for content in chosen.values()}) == len(chosen)
    published = [port.rsplit(":", 1)[0] for content in chosen.values() for port in content.get("ports", [])]
    assert len(published) == len(set(published))
    answering = {content["hostname"] for content in chosen.values()}
    for content in chosen.values():
        aliases = (
            content["networks"]["data-platform"]["aliases"] if isinstance(content["networks"], dict) else []
        )
        assert aliases in ([], [content["hostname"]])
    assert {"kafka", "schema-registry", "lakehouse-driver", "lakehouse-api"} <= answering


def test_a_list_of_profiles_that_forgets_the_broker_is_refused(every: dict[str, Any]) -> None:
    chosen = active(every, "spark", "simulators")
    assert chosen["ingestion-layer"]["depends_on"].keys() - chosen.keys() == {"schema-registry"}


@pytest.mark.parametrize("name", list(yaml.safe_load(compose.FILE.read_text("utf-8"))["services"]))
def test_every_container_is_confined(every: dict[str, Any], name: str) -> None:
    content = every[name]
    assert content["read_only"] is True
    assert content["cap_drop"] == ["ALL"]
    assert content["security_opt"] == ["no-new-privileges:true"]
    assert int(content["user"].split(":")[0]) > 0, "not root"
    assert content["restart"] == "unless-stopped"
    assert content["mem_limit"] and 0 < content["cpus"] <= 2 and 0 < content["pids_limit"] <= 4096
    assert content["logging"]["options"].keys() == {"max-size", "max-file"}
    image = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", content["image"])
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", image), "pinned to a version"
    test = content["healthcheck"]["test"]
    if content.get("build"):
        assert test[:5] == ["CMD", "python", "-m", "runtime", "service"]
    else:
        assert test[:2] in (["CMD", "promtool"], ["CMD", "wget"]), "programs of those images"


def test_every_state_is_on_a_volume(document: dict[str, Any], every: dict[str, Any]) -> None:
    """The root is read-only: whatever is written lies on a volume, or is lost on purpose."""
    used = {volume.split(":")[0] for content in every.values() for volume in content.get("volumes", [])}
    assert {name for name in used if "/" not in name} == set(document["volumes"])
    for content in every.values():
        if content.get("build"):
            written = [volume.split(":")[1] for volume in content.get("volumes", [])]
            written += [folder.split(":")[0] for folder in content["tmpfs"]]
            settings = container_settings(content)
            needed = [settings.data_root / "run"]
            if content["hostname"] in ("kafka", "zookeeper"):
                needed.append(settings.data_root / content["hostname"])
            for path in needed:
                assert any(path.is_relative_to(place) for place in written)


def test_only_the_api_is_published_beyond_the_host_and_it_asks_for_keys(
    every: dict[str, Any], containers: dict[str, Any]
) -> None:
    published = [port for content in every.values() for port in content.get("ports", [])]
    assert [port for port in published if not port.startswith("127.0.0.1:")] == ["8888:8888"]
    assert "127.0.0.1:29092:29092" in published
    assert "127.0.0.1:4040:4040" in containers["spark-master"]["ports"], "the driver's page, passed on"
    assert container_settings(containers["spark-master"]).spark.ui_forward == "lakehouse-driver:4040"
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
        before = (*service.depends_on, *service.after)
        assert set(content.get("depends_on", {})) == {hosts[name] for name in before}
        forwarded = {4040} if service.name == "spark-master" else set()
        assert {int(p) for p in content.get("expose", [])} == {p.number for p in service.ports} | forwarded
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
    named.add(settings.spark.ui_forward.split(":")[0])
    named.add(container_settings(containers["lakehouse-driver"]).spark.driver_host)
    assert named <= set(containers)


def test_the_broker_tells_its_peers_its_name_and_the_host_its_loopback(containers: dict[str, Any]) -> None:
    from runtime.topology.jvm import kafka_properties

    properties = kafka_properties(container_settings(containers["kafka"]))
    assert properties["advertised.listeners"] == "INTERNAL://kafka:9092,EXTERNAL://127.0.0.1:29092"
    assert properties["listeners"] == "INTERNAL://0.0.0.0:9092,EXTERNAL://0.0.0.0:29092"


def test_secrets_are_files_and_none_is_in_the_file(document: dict[str, Any], every: dict[str, Any]) -> None:
    assert all(set(how) == {"file"} for how in document["secrets"].values())
    for content in every.values():
        for variable, value in content.get("environment", {}).items():
            if any(word in variable for word in ("SECRET", "PASSWORD", "TOKEN", "KEY_")):
                assert value.startswith("/run/secrets/"), variable
