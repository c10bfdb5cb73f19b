from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from batch import session
from batch.session import check_master, configuration, start_session
from contracts import secrets
from contracts.errors import DependencyError, SettingsError
from contracts.settings import Network, Paths, Settings, Spark

JARS = (Path("/jars/a.jar"), Path("/jars/b.jar"))


def test_one_executor_holds_all_cores_of_the_application(tmp_path: Path) -> None:
    confs = configuration(Settings(spark=Spark(cores_max=3, executor_memory_mb=700)), JARS, tmp_path)
    assert confs["spark.cores.max"] == confs["spark.executor.cores"] == "3"
    assert confs["spark.executor.memory"] == "700m"
    assert confs["spark.jars"] == "/jars/a.jar,/jars/b.jar"


def test_configuration_does_not_know_the_secret(tmp_path: Path) -> None:
    settings = Settings(paths=Paths(data=str(tmp_path)))
    known = secrets.secret(settings, secrets.SPARK)
    assert known not in " ".join(configuration(settings, JARS, tmp_path).values())


@pytest.mark.parametrize(
    ("host", "driver_host", "reached_by"),
    [
        ("127.0.0.1", "", "127.0.0.1"),
        ("0.0.0.0", "", None),
        ("0.0.0.0", "lakehouse-driver", "lakehouse-driver"),
    ],
)
def test_executors_are_told_an_address_that_they_can_reach(
    tmp_path: Path, host: str, driver_host: str, reached_by: str | None
) -> None:
    settings = Settings(network=Network(host=host), spark=Spark(driver_host=driver_host))
    confs = configuration(settings, JARS, tmp_path)
    assert confs["spark.driver.bindAddress"] == host
    assert confs.get("spark.driver.host") == reached_by


def test_a_master_that_does_not_answer_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        check_master(f"spark://127.0.0.1:{port}")
    with pytest.raises(DependencyError, match=f"127.0.0.1:{port}"):
        check_master(f"spark://127.0.0.1:{port}")


def test_one_of_two_masters_is_enough() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        check_master(f"spark://127.0.0.1:{bound.getsockname()[1]},127.0.0.1:{listening.getsockname()[1]}")


def test_other_masters_are_not_asked() -> None:
    check_master("local[2]")


def test_a_master_url_without_a_port_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match=r"spark\.master"):
        check_master("spark://somewhere")


def test_a_missing_jar_is_named_before_anything_starts(tmp_path: Path) -> None:
    before = dict(os.environ)
    with pytest.raises(DependencyError, match=r"missing\.jar"):
        start_session(Settings(paths=Paths(data=str(tmp_path))), [tmp_path / "missing.jar"], tmp_path)
    assert dict(os.environ) == before


def test_only_sparks_driver_listens_on_the_address_for_executors_elsewhere(tmp_path: Path) -> None:
    settings = Settings(spark=Spark(master="spark://elsewhere:7077", driver_host="10.0.0.5"))
    confs = configuration(settings, JARS, tmp_path)
    assert confs["spark.driver.host"] == confs["spark.driver.bindAddress"] == "10.0.0.5"


@pytest.mark.parametrize(
    ("spark", "authenticates"),
    [
        (Spark(), "true"),
        (Spark(authenticate=False), "true"),  # the local cluster always asks
        (Spark(master="spark://elsewhere:7077"), "true"),
        (Spark(master="spark://elsewhere:7077", authenticate=False), "false"),
    ],
)
def test_the_secret_is_used_where_the_cluster_asks_for_it(
    tmp_path: Path, spark: Spark, authenticates: str
) -> None:
    confs = configuration(Settings(spark=spark), JARS, tmp_path)
    assert confs["spark.authenticate"] == confs["spark.network.crypto.enabled"] == authenticates


def test_a_cluster_of_ones_own_needs_its_secret_and_a_way_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(ends: tuple[str, str], **spark: object) -> None:
        monkeypatch.setattr(session, "check_master", lambda url: ends)
        paths = Paths(data=str(tmp_path))
        session.check_cluster(
            Settings(paths=paths, spark=Spark(master="spark://elsewhere:7077", **spark))  # type: ignore[arg-type]
        )

    beside, elsewhere = ("127.0.0.1", "127.0.0.1"), ("10.0.0.5", "10.0.0.9")
    with pytest.raises(SettingsError, match=r"spark\.secret_file"):
        check(beside)
    check(beside, authenticate=False)
    with pytest.raises(SettingsError, match=r"spark\.driver_host .*10\.0\.0\.5"):
        check(elsewhere, authenticate=False)
    check(elsewhere, authenticate=False, driver_host="10.0.0.5")
