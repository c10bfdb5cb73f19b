"""`dp lakehouse catalog`, `lineage` and `annotate` on a root of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lakehouse.catalog import TABLES
from runtime.cli import main


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def dp(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--set", f"paths.data={root}", "lakehouse", *arguments], prog_name="dp")


def test_the_catalog_is_a_table_json_or_a_page(root: Path) -> None:
    shown = dp(root, "catalog", "churn").stdout
    assert "user_segments_gold" in shown and "1 table" in shown
    assert "event_metrics_gold" not in shown
    document = json.loads(dp(root, "catalog", "--json").stdout)
    assert [table["name"] for table in document["tables"]] == list(TABLES)
    gold = json.loads(dp(root, "catalog", "--json", "--layer", "gold", "--column", "segment").stdout)
    assert [table["name"] for table in gold["tables"]] == ["user_segments_gold"]
    assert dp(root, "catalog", "--markdown", "--layer", "gold").stdout.startswith("# Catalog\n\n4 tables")
    both = dp(root, "catalog", "--markdown", "--json")
    assert both.exit_code == 1 and "exclude each other" in both.stderr


def test_an_edit_is_seen_by_the_next_command(root: Path) -> None:
    done = dp(root, "annotate", "batch_runs", "--owner", "ops", "--tag", "jobs", "--tag", "runs")
    assert (done.exit_code, done.stdout) == (0, "batch_runs: owner ops, tags jobs, runs\n")
    assert dp(root, "annotate", "batch_runs", "--no-tags").stdout == "batch_runs: owner ops, tags none\n"
    assert json.loads(dp(root, "catalog", "--json", "--owner", "ops").stdout)["tables"][0]["tags"] == []
    for arguments, code, said in (
        (["batch_runs"], 1, "nothing is to be changed"),
        (["batch_runs", "--tag", "Upper"], 1, "a tag is"),
        (["batch_runs", "--tag", "a", "--no-tags"], 1, "exclude each other"),
        (["batch_run", "--owner", "x"], 5, "did you mean batch_runs"),
    ):
        refused = dp(root, "annotate", *arguments)
        assert refused.exit_code == code and said in refused.stderr


def test_lineage_is_a_tree_json_or_a_drawing(root: Path) -> None:
    lines = [line.rstrip() for line in dp(root, "lineage", "daily_summary_gold").stdout.splitlines()]
    assert lines == [
        "daily_summary_gold  gold is built from",
        "├── user_activity_silver  silver",
        "│   ├── app_events_silver  silver",
        "│   │   └── app_events_bronze  bronze",
        "│   │       └── topic_app_events  topic",
        "│   └── clickstream_silver  silver",
        "│       └── clickstream_bronze  bronze",
        "│           └── topic_clickstream  topic",
        "└── users_silver  silver",
        "    ├── users_bronze  bronze",
        "    │   └── topic_users  topic",
        "    └── user_activity_silver  silver, see above",
        "daily_summary_gold  gold is what these are built from",
        "└── nothing",
    ]
    told = dp(root, "lineage", "event_metrics_gold", "--depth", "1", "--direction", "upstream", "--columns")
    assert "unique_users ← user_id" in told.stdout
    near = json.loads(dp(root, "lineage", "topic_users", "--json", "--depth", "1").stdout)
    assert near["edges"] == [{"from": "topic_users", "to": "users_bronze"}]
    drawing = dp(root, "lineage", "topic_users", "--mermaid", "--depth", "1").stdout
    assert drawing == 'flowchart LR\n  n0["topic_users"]\n  n1["users_bronze"]\n  n0 --> n1\n'
    assert dp(root, "lineage", "nothing").exit_code == 5
