"""Settings: precedence, provenance and errors that name the key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contracts import configuration
from contracts.errors import SettingsError
from contracts.settings import Settings


def test_each_place_overrides_the_one_before_and_is_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[kafka]\npartitions = 6\nheap_mb = 700\n[streams]\nworkers = 2\n")
    environ = {"DP_KAFKA_HEAP_MB": "800", "DP_STREAMS_WORKERS": "3"}
    resolved = configuration.load(file, flags={"streams.workers": 4}, environ=environ)

    assert resolved.settings.kafka.partitions == 6
    assert resolved.settings.kafka.heap_mb == 800
    assert resolved.settings.streams.workers == 4
    origins = {key: origin for key, _, origin in resolved.rows()}
    assert origins["kafka.partitions"] == str(file)
    assert origins["kafka.heap_mb"] == "DP_KAFKA_HEAP_MB"
    assert origins["streams.workers"] == "flag"
    assert origins["kafka.compression"] == "default"


def test_the_environment_made_of_settings_gives_the_same_settings(tmp_path: Path) -> None:
    flags: dict[str, Any] = {
        "paths.data": str(tmp_path / "with space"),
        "simulators.enabled": False,
        "simulators.rate": 2.5,
        "kafka.partitions": 8,
    }
    first = configuration.load(flags=flags, environ={})
    again = configuration.load(environ=configuration.environment_of(first))
    assert again.settings == first.settings


@pytest.mark.parametrize(
    ("environ", "key"),
    [
        ({"DP_KAFKA_PARTITION": "4"}, "kafka.partition"),
        ({"DP_KAFKA_PARTITIONS": "four"}, "kafka.partitions"),
        ({"DP_KAFKA_PARTITIONS": "0"}, "kafka.partitions"),
        ({"DP_PORTS_API": "70000"}, "ports.api"),
        ({"DP_NOWHERE_AT_ALL": "1"}, "nowhere.at_all"),
        ({"DP_LAKEHOUSE_ENGINE": "flink"}, "lakehouse.engine"),
    ],
)
def test_a_bad_setting_is_an_error_that_names_key_and_origin(environ: dict[str, str], key: str) -> None:
    with pytest.raises(SettingsError) as raised:
        configuration.load(environ=environ)
    assert raised.value.key == key
    assert key in str(raised.value)
    assert next(iter(environ)) in str(raised.value)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("[kafka]\npartitons = 3\n", "kafka.partitons"),
        ("partitions = 3\n", "expected a section"),
        ("[kafka\n", "settings file"),
    ],
)
def test_a_bad_file_is_an_error_that_names_the_file(tmp_path: Path, content: str, part: str) -> None:
    file = tmp_path / "broken.toml"
    file.write_text(content)
    with pytest.raises(SettingsError, match=part) as raised:
        configuration.load(file, environ={})
    assert str(file) in str(raised.value)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        configuration.load(environ={"DP_SETTINGS": str(tmp_path / "none.toml")})


def test_every_key_can_be_written_as_a_variable_without_ambiguity() -> None:
    resolved = configuration.load(environ={})
    variables = [configuration.variable_name(key) for key, _, _ in resolved.rows()]
    assert len(set(variables)) == len(variables)
    assert not set(variables) & configuration.RESERVED
    assert all("_" not in section for section in Settings.__struct_fields__)


def test_a_wrong_choice_lists_the_right_ones() -> None:
    with pytest.raises(SettingsError, match=r"lakehouse\.engine \(flag\): .*one of spark, embedded"):
        configuration.load(flags={"lakehouse.engine": "flink"}, environ={})
