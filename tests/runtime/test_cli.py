"""The command line: settings, errors in one line, and what needs nothing running."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from contracts import logs
from contracts.settings import Ports, Settings
from runtime.cli import main
from tests.runtime.free_ports import free_ports


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("DP_")]:
        monkeypatch.delenv(name)
    return tmp_path


def dp(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, prog_name="dp")


def test_settings_say_where_each_value_comes_from(in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (in_folder / "dataplatform.toml").write_text(
        "[kafka]\npartitions = 6\nheap_mb = 700\n[api]\nkeys = true\n"
    )
    monkeypatch.setenv("DP_KAFKA_HEAP_MB", "800")
    monkeypatch.setenv("DP_STREAMS_WORKERS", "3")
    result = dp("--set", "streams.workers=4", "settings", "--json")
    assert result.exit_code == 0
    found = {row["key"]: (row["value"], row["origin"]) for row in json.loads(result.stdout)}
    assert found["kafka.partitions"] == (6, str(in_folder / "dataplatform.toml"))
    assert found["kafka.heap_mb"] == (800, "DP_KAFKA_HEAP_MB")
    assert found["streams.workers"] == (4, "flag")
    assert found["api.keys"] == (True, str(in_folder / "dataplatform.toml"))
    assert found["ports.api"] == (8888, "default")
    declared = {
        f"{s}.{n}" for s in Settings.__struct_fields__ for n in getattr(Settings(), s).__struct_fields__
    }
    assert set(found) == declared


def test_settings_for_people_are_one_line_each(in_folder: Path) -> None:
    lines = dp("--set", "paths.data=/x y", "settings").stdout.splitlines()
    assert any(line.split() == ["paths.data", "/x", "y", "flag"] for line in lines)
    assert len(lines) > 50


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--set", "kafka.partition=3", "settings"), "unknown setting kafka.partition (flag)"),
        (("--set", "kafka.partitions=many", "settings"), "setting kafka.partitions (flag)"),
        (("--set", "kafka.partitions", "settings"), "expected SECTION.KEY=VALUE"),
        (("--settings", "none.toml", "settings"), "none.toml does not exist"),
        (("--set", "network.host=0.0.0.0", "up"), "network.host 0.0.0.0"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(
    in_folder: Path, arguments: tuple[str, ...], expected: str
) -> None:
    result = dp(*arguments)
    assert result.exit_code == 2
    assert expected in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_help_is_there_when_settings_are_broken(in_folder: Path) -> None:
    (in_folder / "dataplatform.toml").write_text("[kafka\n")
    assert dp("settings").exit_code == 2
    assert dp("settings", "--help").exit_code == 0
    assert dp("--help").exit_code == 0


def test_every_command_shows_examples() -> None:
    listed = main.list_commands(main.make_context("dp", ["--help"], resilient_parsing=True))
    assert {"up", "down", "status", "logs", "settings"} <= set(listed)
    for path, command in leaves(main, ()):
        result = dp(*path, "--help")
        assert result.exit_code == 0, path
        assert "Example" in result.output or isinstance(command, click.Group), path


def leaves(group: click.Group, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below a group, with the words that reach it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))


@pytest.mark.parametrize(
    "arguments", [("--help",), ("settings",), ("up", "--help"), ("status",), ("keys", "list")]
)
def test_light_commands_import_nothing_heavy(in_folder: Path, arguments: tuple[str, ...]) -> None:
    program = (
        "import sys; sys.argv[0] = 'dp'\n"
        "from runtime.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'polars', 'pyarrow', 'deltalake', 'duckdb', 'faust', 'pyspark', 'litestar', 'pandas'}\n"
        "sys.exit(sorted(heavy & set(sys.modules)) or 0)"
    )
    result = subprocess.run((sys.executable, "-c", program, *arguments), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_status_and_down_where_nothing_runs(in_folder: Path) -> None:
    assert dp("status").exit_code == 3
    result = dp("status", "--json")
    assert result.exit_code == 3
    assert json.loads(result.stdout)["state"] == "not running"
    result = dp("down")
    assert result.exit_code == 0
    assert "nothing runs" in result.stdout
    assert list(in_folder.iterdir()) == []


def test_up_with_a_port_in_use_says_which_and_leaves_nothing(in_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        others = [name for name in Ports.__struct_fields__ if name != "api"]
        free = zip(others, free_ports(len(others)), strict=True)
        told = [f"ports.api={port}", *(f"ports.{name}={number}" for name, number in free)]
        told += ["kafka.bootstrap=127.0.0.1:1", "registry.url=http://127.0.0.1:1"]
        base = [part for each in told for part in ("--set", each)]
        base += ["up", "--engine", "embedded", "--no-simulators"]
        for arguments in (base, (*base, "--detach")):
            program = (sys.executable, "-m", "runtime", *arguments)
            result = subprocess.run(program, capture_output=True, text=True)
            assert result.returncode == 3
            assert f"port {port} for lakehouse-api is in use" in result.stderr
            assert "ports.api" in result.stderr
            assert len(result.stderr.splitlines()) == 1
    assert dp("status").exit_code == 3


def test_logs_are_merged_by_time_and_shown_for_people_or_programs(in_folder: Path) -> None:
    folder = in_folder / "data" / "logs"
    folder.mkdir(parents=True)
    first = logs.line("kafka", "warning", "slow [disk]", logger="k.L").replace("2026", "2025", 1)
    second = logs.line("api", "info", "served", rows=3)
    (folder / "api.log").write_text(second + "\n")
    (folder / "kafka.log").write_text(first + "\n")
    assert dp("logs", "--json").stdout.splitlines() == sorted([first, second], key=lambda line: line[:30])
    assert dp("logs", "api", "--json").stdout.splitlines() == [second]
    shown = dp("logs", "-n", "5").stdout
    assert "slow [disk]" in shown
    assert "rows=3" in shown
    result = dp("logs", "nothing")
    assert result.exit_code == 5
    assert "api, kafka" in result.stderr
