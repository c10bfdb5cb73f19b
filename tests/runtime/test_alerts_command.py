"""`dp alerts` and `dp lakehouse health`, as a person and as a program use them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from contracts.heartbeat import HeartbeatWriter
from contracts.settings import Paths, Settings
from lakehouse.alerts.files import replace
from lakehouse.alerts.rules import finding
from lakehouse.alerts.silences import read_silences
from lakehouse.alerts.state import AlertState, state_path
from lakehouse.alerts.states import Alert, advance
from runtime.cli import main


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(paths=Paths(data=str(tmp_path)))


@pytest.fixture
def dp(settings: Settings) -> Any:
    def run(*arguments: str) -> Result:
        told = ["--set", f"paths.data={settings.data_root}", *arguments]
        return CliRunner().invoke(main, told, prog_name="dp", catch_exceptions=False)

    return run


def fire(settings: Settings, says: str = "many records of users are refused") -> None:
    alerts: dict[str, Alert] = {}
    now = datetime.now(UTC)
    advance(alerts, [finding("dead_letters", "users", says)], [], now)
    replace(state_path(settings), AlertState(at=now, alerts=list(alerts.values())))


def test_nothing_fires(dp: Any) -> None:
    told = dp("alerts", "list")
    assert told.exit_code == 0
    assert "never: `dp up` starts the monitor" in told.stdout


def test_what_fires_is_listed_with_its_runbook(dp: Any, settings: Settings) -> None:
    fire(settings, "[red]many[/red] are refused")
    told = dp("alerts", "list")
    assert told.exit_code == 1
    assert "[red]many[/red] are refused" in told.stdout
    assert "docs/runbooks/dead_letters.md" in told.stdout
    (alert,) = json.loads(dp("alerts", "list", "--json").stdout)["alerts"]
    assert (alert["rule"], alert["state"]) == ("dead_letters", "firing")


def test_silencing(dp: Any, settings: Settings) -> None:
    fire(settings)
    made = dp("alerts", "silence", "dead_letters", "users", "--for", "2h", "--reason", "a test")
    (silence,) = read_silences(settings, datetime.now(UTC))
    assert made.stdout.strip() == silence.id
    assert f"silence {silence.id}" in dp("alerts", "list").stdout
    assert dp("alerts", "unsilence", silence.id).exit_code == 0
    assert read_silences(settings, datetime.now(UTC)) == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("silence", "nothing", "--for", "1h", "--reason", "r"), 5, "there is no rule 'nothing'"),
        (("silence", "lag_high", "--for", "1h"), 2, "--reason"),
        (("silence", "lag_high", "--for", "soon", "--reason", "r"), 2, "is no length of time"),
        (("silence", "lag_high", "--for", "0", "--reason", "r"), 1, "up to 90 days"),
        (("unsilence", "12345678"), 5, "there is no silence '12345678'"),
        (("test", "webhook"), 2, "set alerts.webhook_file"),
        (("test", "pigeon"), 5, "channels: log, file, webhook"),
    ],
)
def test_mistakes_are_told(dp: Any, arguments: tuple[str, ...], code: int, message: str) -> None:
    told = dp("alerts", *arguments)
    assert told.exit_code == code
    assert message in told.stderr


def test_health_as_text_as_json_and_as_a_file(dp: Any, settings: Settings, tmp_path: Path) -> None:
    HeartbeatWriter(settings, "lakehouse-driver").beat(force=True)
    told = dp("lakehouse", "health")
    assert told.exit_code == 0
    assert told.stdout.startswith("health: ok\ndriver: running\n")
    HeartbeatWriter(settings, "ingestion").beat(state="degraded", message="no registry", force=True)
    report = json.loads(dp("lakehouse", "health", "--json").stdout)
    assert (report["healthy"], report["status"]) == (False, "degraded")
    assert report["driver"] == {"state": "running", "message": ""}
    assert report["findings"][0]["says"] == "ingestion is degraded: no registry"
    page = tmp_path / "health.html"
    told = dp("lakehouse", "health", "--html", str(page))
    assert (told.exit_code, told.stdout) == (1, "")
    assert "ingestion is degraded: no registry" in page.read_text("utf-8")
    assert dp("lakehouse", "health", "--html", str(tmp_path / "no" / "x.html")).exit_code == 3
