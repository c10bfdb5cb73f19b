"""Secrets: made once, private, and the same for processes that race for the first use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from contracts.errors import SettingsError
from contracts.secrets import CONTROL, SPARK, secret, secret_path
from contracts.settings import Paths, Settings, Spark


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
