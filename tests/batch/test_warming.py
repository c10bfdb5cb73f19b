from __future__ import annotations

from pathlib import Path

import pytest

from batch.warming import warm
from contracts.errors import DependencyError
from contracts.settings import Lakehouse, Settings
from lakehouse.datasets import DATASETS
from lakehouse.embedded import EmbeddedEngine
from lakehouse.engine import Result, Task


@pytest.mark.heavy
def test_every_model_runs_on_rows_that_it_keeps_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batch.warming.ROUNDS", 1)
    monkeypatch.setattr("batch.warming.BUDGET_SECONDS", 600.0)
    engine = EmbeddedEngine(Settings(lakehouse=Lakehouse(engine="embedded")))
    done: list[tuple[str, int]] = []

    def run(task: Task) -> Result:
        result = engine.run(task)
        done.append((task.target.name, result.rows_in))
        return result

    folder = tmp_path / "warm-up"
    warm(run, folder)
    engine.close()
    assert [name for name, _ in done] == [one.name for one in DATASETS.values() if one.model]
    assert all(rows for _, rows in done)
    assert not folder.exists()


def test_a_failure_is_the_callers_and_nothing_is_left(tmp_path: Path) -> None:
    def run(task: Task) -> Result:
        raise DependencyError("no executor")

    with pytest.raises(DependencyError, match="no executor"):
        warm(run, tmp_path / "warm-up")
    assert not (tmp_path / "warm-up").exists()
