"""`dp lakehouse check` on a root of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from contracts.platform import RESULTS
from contracts.settings import Settings
from lakehouse.datasets import dataset
from lakehouse.medallion import platform_landing
from lakehouse.quality.checking import Checking
from lakehouse.storage import tables
from runtime.cli import main
from tests.lakehouse.conftest import NOON
from tests.lakehouse.seeded import append, settings_at


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """One gold table with a row that fails a rule of severity fail, and an empty one."""
    made = settings_at(tmp_path / "data")
    for name in ("event_metrics_gold", "users_silver"):
        tables.create(made, dataset(name))
    row = {
        "metric_date": NOON.date(),
        "metric_hour": 12,
        "event_type": "login",
        "app_type": "web",
        "total_events": 0,
        "unique_users": 0,
        "load_timestamp": NOON,
    }
    append(made, "event_metrics_gold", [row])
    return made


def dp(settings: Settings, *arguments: str) -> Result:
    root = f"paths.data={settings.data_root}"
    return CliRunner().invoke(main, ["--set", root, "lakehouse", "check", *arguments], prog_name="dp")


def test_a_check_is_a_table_or_json_and_says_by_its_exit_code_what_fails(settings: Settings) -> None:
    shown = dp(settings)
    assert shown.exit_code == 1
    assert "event_metrics_gold.total_events_out_of_range: 1 of 1 row (100.00%)" in shown.stdout
    assert "metric_date 2026-03-05, metric_hour 12, event_type 'login', app_type 'web'" in " ".join(
        shown.stdout.split()
    )
    assert "rules hold in 2 tables" in shown.stdout
    told = dp(settings, "--json", "event_metrics_gold")
    document = json.loads(told.stdout)
    assert told.exit_code == 1 and document["passed"] is False
    assert set(document["scores"]) == {"event_metrics_gold"} and document["scores"]["event_metrics_gold"] < 1
    assert {one["rule"] for one in document["findings"] if not one["passed"]} == {"total_events_out_of_range"}
    well = dp(settings, "users_silver", "--fail-on", "flag")
    assert (well.exit_code, well.stderr) == (0, "")
    assert dp(settings, "--layer", "silver").exit_code == 0
    assert dp(settings, "--from", "2026-03-06").exit_code == 0
    assert dp(settings, "--from", "2026-03-05", "--to", "2026-03-05").exit_code == 1
    assert len(platform_landing.names(settings, RESULTS.name)) == 6


def test_what_cannot_be_asked(settings: Settings) -> None:
    for arguments, code, said in (
        (["event_metric_gold"], 5, "did you mean event_metrics_gold"),
        (["app_events_silver"], 5, "has not been written yet"),
        (["--from", "2026-03-06", "--to", "2026-03-05"], 2, "is after"),
        (["--layer", "copper"], 2, "copper"),
    ):
        refused = dp(settings, *arguments)
        assert refused.exit_code == code and said in refused.stderr, refused.stderr
    assert platform_landing.names(settings, RESULTS.name) == ()


def test_an_interruption_leaves_no_result(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(run: Checking, name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Checking, "of", interrupted)
    assert dp(settings).exit_code == 1
    assert platform_landing.names(settings, RESULTS.name) == ()
