"""`dp replay` with real landing and a real bronze table that has taken over from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from contracts.sources import APP_EVENTS
from lakehouse.datasets import dataset
from lakehouse.medallion.bronze import BronzeTable
from runtime.cli import main
from tests.streams.oracle import chain_files, check_rows, from_input, read_by_rule
from tests.streams.scenario import TOPIC_ID
from tests.streams.test_replay import PARTITIONS, Stream, settings_in


def dp(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        main, ["--set", f"paths.data={folder}", "--set", "streams.window_seconds=30", *arguments]
    )


def test_a_view_is_rebuilt_from_landing_and_bronze(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stream = Stream(settings_in(tmp_path), 7)
    stream.go_on(14)
    table = BronzeTable(stream.settings, dataset(APP_EVENTS.bronze_table))
    assert table.take().rows == len(stream.events)
    table.close()
    for number in PARTITIONS:
        for path in chain_files(stream.settings, APP_EVENTS, TOPIC_ID, number)[:-1]:
            path.unlink()

    dry = dp(tmp_path, "replay", "app_events", "--from", "2026-03-05", "--dry-run", "--json")
    assert dry.exit_code == 0, dry.output
    result = dp(tmp_path, "replay", "app_events", "--from", "2026-03-05T12:00:00Z", "--json")
    assert result.exit_code == 0, result.output
    done = json.loads(result.stdout)
    assert done == {**json.loads(dry.stdout), "dry_run": False}
    assert done["rows_read"] == len(stream.events) and 0 < done["rows_from_bronze"] < len(stream.events)
    changed = settings_in(tmp_path, window_seconds=30)
    check_rows(read_by_rule(changed), from_input(changed, stream.events))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["users", "--from", "2026-03-05"], "app_events"),
        (["nobody", "--from", "2026-03-05"], "external_data"),
        (["app_events", "--from", "yesterday"], "2026-11-24"),
        (["app_events", "--from", "2026-03-05", "--to", "2026-03-04"], "before --from"),
    ],
)
def test_a_wrong_request_says_what_is_right(tmp_path: Path, arguments: list[str], says: str) -> None:
    result = dp(tmp_path, "replay", *arguments)
    assert result.exit_code != 0 and says in result.output
