"""Figures of benchmarks are kept with the commit that was measured, and shown on the page."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.errors import ContractError, DependencyError, NotFound
from runtime.bench import kept
from runtime.bench.freshness import Ages
from runtime.commands._bench_report import machine, percentiles
from runtime.documentation import benchmarks

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 28, 23, 59, tzinfo=UTC)


def git(root: Path, *arguments: str) -> str:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    return subprocess.run(
        ["git", "-C", str(root), *who, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "docs/benchmarks"
    folder.mkdir(parents=True)
    (folder / "00-introduction.md").write_text("# Benchmarks\n\nHow.\n")
    (folder / "01-speed.md").write_text("## speed\n\nWhat it is.\n\n<!-- figures: speed -->\n\nAfter.\n")
    old = {"cells": ["a", "1"], "commit": "0123456789", "date": "2026-11-25"}
    (folder / "speed.json").write_text(json.dumps({"columns": ["case", "s"], "rows": [old]}))
    (tmp_path / "code.py").write_text("1\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "x")
    return tmp_path


def test_a_run_is_kept_on_top_and_shown(root: Path) -> None:
    kept.keep(root, "speed", ["b", "2"], now=NOW)
    kept.keep(root, "speed", ["c", "3"], now=NOW)  # figures that differ are no change of the code
    commit = git(root, "rev-parse", "--short=10", "HEAD")
    rows = kept.read(root / "docs/benchmarks", "speed").rows
    assert [(row.cells, row.commit, row.date) for row in rows] == [
        (["c", "3"], commit, "2026-11-28"),
        (["b", "2"], commit, "2026-11-28"),
        (["a", "1"], "0123456789", "2026-11-25"),
    ]
    page = benchmarks.render(root / "docs/benchmarks")
    assert page.startswith("# Benchmarks\n\n<!-- Made from ")
    assert (
        "What it is.\n\n| case | s |\n|---|---|\n| c | 3 |\n| b | 2 |\n| a | 1 |\n\n"
        f"*Written down 2026-11-25 to 2026-11-28, at commits 0123456789 to {commit}.*\n\nAfter.\n"
    ) in page


def test_code_that_is_in_no_commit_is_refused(root: Path) -> None:
    (root / "code.py").write_text("2\n")
    with pytest.raises(DependencyError, match=r"code\.py"):
        kept.keep(root, "speed", ["b", "2"])


def test_cells_that_are_not_the_table_s_are_refused(root: Path) -> None:
    with pytest.raises(ContractError, match="case, s"):
        kept.keep(root, "speed", ["b"])
    with pytest.raises(NotFound):
        kept.keep(root, "other", ["b"])
    (root / "docs/benchmarks/speed.json").write_text('{"columns": ["a"], "rows": [{"cells": []}]}')
    with pytest.raises(ContractError):
        kept.read(root / "docs/benchmarks", "speed")


def test_figures_and_prose_belong_together(root: Path) -> None:
    (root / "docs/benchmarks/lost.json").write_text('{"columns": [], "rows": []}')
    with pytest.raises(NotFound, match="lost"):
        benchmarks.render(root / "docs/benchmarks")


def test_every_commit_of_the_page_s_figures_is_one_of_ours() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("no history here")
    for path in (ROOT / "docs/benchmarks").glob("*.json"):
        for row in kept.read(path.parent, path.stem).rows:
            assert git(ROOT, "cat-file", "-t", row.commit) == "commit"


def test_cells_of_ages() -> None:
    ages = Ages(
        place="silver", source="app_events", events=9, p50=1.04, p95=2.0, p99=3.0, most=4.0, target=None
    )
    assert percentiles(ages) == "1.0 / 2.0 / 3.0 s"
    assert percentiles(None) == "–"
    assert machine("quiet", "120 s").endswith(" cores, quiet, 120 s")
