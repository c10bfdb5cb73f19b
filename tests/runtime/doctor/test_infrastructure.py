"""Lines of the infrastructure against real small servers and folders."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from msgspec.structs import replace

from contracts.settings import Health, Kafka, Lakehouse, Network, Paths, Ports, Registry, Settings, Spark
from tests.runtime.doctor.conftest import Pages
from tests.runtime.doctor.files_of_a_platform import look


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "data").mkdir()
    return Settings(paths=Paths(data=str(tmp_path / "data")))


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["broker", "zookeeper", "registry", "spark-master", "spark-workers", "api"])
def test_who_takes_connections_and_never_answers_is_red(
    settings: Settings, silent_port: int, name: str
) -> None:
    host = f"127.0.0.1:{silent_port}"
    silent = replace(
        settings,
        kafka=Kafka(bootstrap=host, zookeeper=host),
        registry=Registry(url=f"http://{host}"),
        spark=Spark(master=f"spark://{host}"),
        ports=Ports(spark_master_ui=silent_port, api=silent_port),
    )
    found = look(name, silent)
    assert found.status == "red"
    assert str(silent_port) in found.measured
    assert found.repair


@pytest.mark.parametrize("name", ["zookeeper", "registry", "spark-master", "spark-workers", "api"])
def test_nobody_there_is_red(settings: Settings, name: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))  # taken, and nobody listens
        port = probe.getsockname()[1]
        away = replace(
            settings,
            kafka=Kafka(zookeeper=f"127.0.0.1:{port}"),
            registry=Registry(url=f"http://127.0.0.1:{port}"),
            spark=Spark(master=f"spark://127.0.0.1:{port}"),
            ports=Ports(spark_master_ui=port, api=port),
        )
        assert look(name, away).status == "red"


def spark(settings: Settings, pages: Pages, *states: str, master: str = "ALIVE") -> Settings:
    workers = [{"state": state, "cores": 2, "coresused": 1, "memory": 2048} for state in states]
    pages.found["/json/"] = {"status": master, "url": "spark://127.0.0.1:7077", "workers": workers}
    return replace(
        settings,
        spark=Spark(master=f"spark://127.0.0.1:{pages.port}"),
        ports=Ports(spark_master_ui=pages.port),
    )


def test_two_workers_are_wanted(settings: Settings, pages: Pages) -> None:
    found = look("spark-workers", spark(settings, pages, "ALIVE", "ALIVE", "DEAD"))
    assert found.status == "green"
    assert "2 alive" in found.measured and "2 of 4 cores" in found.measured and "4096 MiB" in found.measured
    assert look("spark-workers", spark(settings, pages, "ALIVE", "DEAD")).status == "red"


def test_a_master_that_is_not_the_master_is_red(settings: Settings, pages: Pages) -> None:
    assert look("spark-master", spark(settings, pages)).status == "green"
    found = look("spark-master", spark(settings, pages, master="STANDBY"))
    assert (found.status, "STANDBY" in found.measured) == ("red", True)


@pytest.mark.parametrize("name", ["spark-master", "spark-workers"])
def test_without_a_standalone_cluster_there_is_nothing_to_look_at(settings: Settings, name: str) -> None:
    found = look(name, replace(settings, lakehouse=Lakehouse(engine="embedded")))
    assert (found.status, "embedded" in found.measured) == ("skipped", True)
    found = look(name, replace(settings, spark=Spark(master="local[2]")))
    assert (found.status, "local[2]" in found.measured) == ("skipped", True)


def test_a_zookeeper_of_nobody_is_skipped(settings: Settings) -> None:
    assert look("zookeeper", replace(settings, kafka=Kafka(bootstrap="127.0.0.1:1"))).status == "skipped"


@pytest.mark.parametrize("setting", [{"disk_free_share": 1.0}, {"disk_free_mb": 2**40}])
def test_less_free_than_declared_is_red(settings: Settings, setting: dict[str, float]) -> None:
    assert (
        look("disk", replace(settings, health=Health(disk_free_share=0.0, disk_free_mb=0))).status == "green"
    )
    found = look("disk", replace(settings, health=Health(**setting)))  # type: ignore[arg-type]
    assert found.status == "red"
    assert "free" in found.measured


def test_folders_of_a_new_root_and_one_that_is_away(settings: Settings) -> None:
    assert look("folders", settings).status == "green"
    settings.data_root.rmdir()
    for name in ("folders", "alerts", "rules", "services"):
        assert look(name, settings).status == "red", name
    assert not settings.data_root.exists()


def test_on_every_address_there_is_nothing_to_compare(settings: Settings) -> None:
    assert look("network", replace(settings, network=Network(host="0.0.0.0"))).status == "skipped"
