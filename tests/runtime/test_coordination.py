"""The broker's two ways to keep its metadata: settings, services, and the one format of its folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from contracts import configuration
from contracts.errors import DependencyError, SettingsError
from contracts.settings import Settings
from runtime.capacity import needed_bytes
from runtime.services import services
from runtime.topology import jvm
from runtime.topology.declaration import Launch, Once


def of(coordination: str, data: Path, **flags: str) -> Settings:
    wanted = {"kafka.coordination": coordination, "paths.data": str(data), **flags}
    return configuration.load(environ={}, flags=wanted).settings


@pytest.fixture
def without_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jvm, "_java", lambda settings, heap_mb, *arguments: ("java", *arguments))


def test_kraft_does_without_zookeeper(tmp_path: Path) -> None:
    with_it, without = (services(of(each, tmp_path)) for each in ("zookeeper", "kraft"))
    assert {s.name for s in with_it} - {s.name for s in without} == {"zookeeper"}
    (broker,) = (service for service in without if service.name == "kafka")
    assert broker.depends_on == ()
    assert "ports.kafka_controller" in {port.setting for port in broker.ports}
    assert needed_bytes(of("kraft", tmp_path)) < needed_bytes(of("zookeeper", tmp_path))


def test_the_controller_is_never_open_to_others(tmp_path: Path) -> None:
    settings = of("kraft", tmp_path, **{"network.host": "0.0.0.0", "kafka.bootstrap": "kafka:9092"})
    properties = jvm.kafka_properties(settings)
    assert (
        properties["listeners"]
        == "INTERNAL://0.0.0.0:9092,EXTERNAL://0.0.0.0:29092,CONTROLLER://127.0.0.1:9093"
    )
    assert properties["advertised.listeners"] == "INTERNAL://kafka:9092,EXTERNAL://127.0.0.1:29092"
    assert properties["controller.quorum.voters"] == "1@127.0.0.1:9093"
    assert not {key for key in properties if "zookeeper" in key or key == "broker.id"}
    assert not {key for key in jvm.kafka_properties(of("zookeeper", tmp_path)) if "controller.quorum" in key}


@pytest.mark.usefixtures("without_java")
def test_only_kraft_formats_its_folder(tmp_path: Path) -> None:
    once = jvm.kafka(of("kraft", tmp_path)).once
    assert once is not None
    assert once.makes == tmp_path / "kafka/meta.properties"
    assert once.argv[1:3] == ("kafka.tools.StorageTool", "format")
    identity = once.argv[once.argv.index("-t") + 1]
    assert len(identity) == 22 and not identity.startswith("-")
    assert jvm.kafka(of("zookeeper", tmp_path)).once is None


@pytest.mark.usefixtures("without_java")
@pytest.mark.parametrize(("written", "version"), [("zookeeper", 0), ("kraft", 1)])
def test_data_of_the_other_kind_are_not_taken_over(tmp_path: Path, written: str, version: int) -> None:
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka/meta.properties").write_text(f"#\nversion={version}\n", "utf-8")
    jvm.kafka(of(written, tmp_path))
    other = {"zookeeper": "kraft", "kraft": "zookeeper"}[written]
    with pytest.raises(SettingsError, match=f"was written with {written} and {other} cannot"):
        jvm.kafka(of(other, tmp_path))


def test_what_is_done_once_is_done_once_and_its_failure_is_told(tmp_path: Path) -> None:
    made = tmp_path / "made"
    script = f"open({str(made)!r}, 'a').write('x')"
    launch = Launch(argv=("true",), once=Once(argv=(sys.executable, "-c", script), makes=made))
    launch.prepare()
    launch.prepare()
    assert made.read_text("utf-8") == "x"
    failing = Once(argv=(sys.executable, "-c", "raise SystemExit('disk on fire')"), makes=tmp_path / "never")
    with pytest.raises(DependencyError, match="disk on fire"):
        Launch(argv=("true",), once=failing).prepare()
    with pytest.raises(DependencyError, match="no-such-program"):
        Once(argv=("/no-such-program",), makes=tmp_path / "never").run()
