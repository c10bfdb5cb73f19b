"""Secrets: made once, private, and the same for processes that race for the first use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from contracts import configuration
from contracts.errors import SettingsError
from contracts.secrets import CONTROL, SPARK, given, given_file, secret, secret_path
from contracts.settings import Kafka, Paths, Settings, Spark


def _settings(root: Path) -> Settings:
    return Settings(paths=Paths(data=str(root)))


_READ = """
import sys
from contracts.secrets import CONTROL, secret
from contracts.settings import Paths, Settings
print("ready", flush=True)
sys.stdin.readline()
print(secret(Settings(paths=Paths(data=sys.argv[1])), CONTROL))
"""


def test_a_secret_is_long_kept_and_private(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    first = secret(settings, SPARK)
    assert len(first) >= 43
    assert secret(settings, SPARK) == first
    assert secret(settings, CONTROL) != first
    path = secret_path(settings, SPARK)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_processes_that_race_get_the_same_secret(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _READ, str(tmp_path)]
    racers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    for racer in racers:
        assert racer.stdout and racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("go\n")
        racer.stdin.flush()
    assert len({racer.communicate()[0] for racer in racers}) == 1
    assert [path.name for path in (tmp_path / "secrets").iterdir()] == [CONTROL]


def test_a_secret_file_of_ones_own_must_exist(tmp_path: Path) -> None:
    settings = msgspec.structs.replace(_settings(tmp_path), spark=Spark(secret_file=str(tmp_path / "none")))
    with pytest.raises(SettingsError, match="secret_file"):
        secret(settings, SPARK)


def test_a_secret_of_the_environment_reaches_services_and_is_shown_nowhere() -> None:
    environ = {"DP_KAFKA_SASL_PASSWORD": "a-password", "DP_REGISTRY_PASSWORD": "another"}
    resolved = configuration.load(environ=environ)
    assert given(resolved.settings, "kafka.sasl_password") == "a-password"
    assert configuration.environment_of(resolved) == environ
    shown = {key: value for key, value, _ in resolved.rows()}
    assert shown["kafka.sasl_password"] == shown["registry.password"] == "********"
    assert shown["kafka.ssl_key_password"] == ""
    assert "a-password" not in f"{resolved!r} {resolved.settings.kafka!s}"


@pytest.mark.parametrize("where", ["flag", "file"])
def test_a_secret_is_refused_where_others_would_see_it(where: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[kafka]\nsasl_password = "a-password"\n' if where == "file" else "")
    flags = {"kafka.sasl_password": "a-password"} if where == "flag" else {}
    with pytest.raises(SettingsError, match=r"kafka\.sasl_password_file") as raised:
        configuration.load(file, flags=flags, environ={})
    assert "a-password" not in str(raised.value)


def test_a_given_secret_comes_from_one_place_that_exists(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("  a-password\n")
    assert given(Settings(), "kafka.sasl_password") == ""
    assert given(Settings(kafka=Kafka(sasl_password_file=str(file))), "kafka.sasl_password") == "a-password"
    assert given_file(Settings(), "kafka.ssl_ca_file") is None
    (tmp_path / "empty").touch()
    for wrong in (
        Kafka(sasl_password_file=str(file), sasl_password="too"),
        Kafka(sasl_password_file=str(tmp_path / "none")),
        Kafka(sasl_password_file=str(tmp_path / "empty")),
        Kafka(sasl_password_file=str(tmp_path)),
    ):
        with pytest.raises(SettingsError, match=r"kafka\.sasl_password"):
            given(Settings(kafka=wrong), "kafka.sasl_password")
