"""`dp lakehouse archive`, `restore --archive`, `retention` and `erase` on a root of their own."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from contracts.platform import METRICS, PLATFORM_LANDING
from contracts.settings import Paths, Settings
from lakehouse.datasets import dataset
from lakehouse.medallion import platform_landing
from lakehouse.storage.tables import path_of
from runtime.cli import main
from tests.runtime.free_ports import free_ports

pytestmark = pytest.mark.heavy

METRICS_TABLE = "platform_metrics_silver"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def dp(root: Path, *arguments: str, given: str = "") -> Result:
    (port,) = free_ports(1)
    own = ["--set", f"paths.data={root}", "--set", "lakehouse.engine=embedded"]
    own += ["--set", f"ports.lakehouse_control={port}"]
    return CliRunner().invoke(main, [*own, "lakehouse", *arguments], prog_name="dp", input=given)


def test_from_an_archive_and_back(root: Path) -> None:
    assert dp(root, "archive").exit_code == 5
    settings = Settings(paths=Paths(data=str(root)))
    sample = {
        "sampled_at": pa.scalar(0, pa.timestamp("us", "UTC")).as_py(),
        "component": "c",
        "metric": "u-4711",
    }
    platform_landing.append(
        settings, METRICS.name, pa.Table.from_pylist([sample], PLATFORM_LANDING[METRICS.name])
    )
    assert dp(root, "refresh", METRICS_TABLE).exit_code == 0
    archived = json.loads(dp(root, "archive", METRICS_TABLE, "--json").stdout.splitlines()[-1])
    name = archived["archive"]
    assert dp(root, "archive", "--list").stdout.startswith(name)
    assert "files are as archived" in dp(root, "archive", "--verify").stdout

    shown = dp(root, "retention", METRICS_TABLE, "--dry-run").stdout
    assert "1970-01-01: 1 files, 1 rows" in shown and "nothing was changed: 1 rows" in shown
    removed = dp(root, "retention", "--json").stdout.splitlines()
    assert json.loads(removed[-1])["rows"] == 1
    table = str(path_of(settings, dataset(METRICS_TABLE)))
    assert pl.read_delta(table).height == 0
    assert METRICS_TABLE in dp(root, "restore", "--archive", name).stdout
    assert pl.read_delta(table).height == 1

    assert "1 mentions" in dp(root, "erase", "-", "--dry-run", given="u-4711\n").stdout
    assert dp(root, "erase", "u-4711", given="n\n").exit_code == 1
    assert pl.read_delta(table)["metric"].to_list() == ["u-4711"]
    receipt = json.loads(dp(root, "erase", "u-4711", "--yes", "--json").stdout)
    assert {place["place"] for place in receipt["places"]} >= {METRICS_TABLE, f"archive {name}"}
    assert pl.read_delta(table)["metric"].to_list() == ["erased"]

    victim = next((root / "archive" / name).rglob("*.parquet"))
    victim.write_bytes(b"")
    checked = dp(root, "archive", "--verify", name)
    assert (checked.exit_code, victim.name in checked.stderr) == (1, True)
    for arguments in (("restore",), ("restore", "a", "b"), ("archive", "--list", "users_silver")):
        assert dp(root, *arguments).exit_code != 0
