"""Secrets: made once, private, and the same for processes that race for the first use."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import msgspec
import pytest

from contracts.errors import SettingsError
from contracts.secrets import CONTROL, SPARK, secret, secret_path
from contracts.settings import Paths, Settings, Spark


def _settings(root: Path) -> Settings:
    return Settings(paths=Paths(data=str(root)))


def _read(root: str) -> str:
    return secret(_settings(Path(root)), CONTROL)


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
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert len(set(pool.map(_read, [str(tmp_path)] * 8))) == 1
    assert [path.name for path in (tmp_path / "secrets").iterdir()] == [CONTROL]


def test_a_secret_file_of_ones_own_must_exist(tmp_path: Path) -> None:
    settings = msgspec.structs.replace(_settings(tmp_path), spark=Spark(secret_file=str(tmp_path / "none")))
    with pytest.raises(SettingsError, match="secret_file"):
        secret(settings, SPARK)
