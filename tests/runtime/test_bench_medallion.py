"""Our silver merges and those written by hand leave the same rows."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from contracts.settings import Paths, Settings
from lakehouse.embedded import EmbeddedEngine
from runtime.bench import by_hand
from runtime.bench.medallion import ByHand, measure

pytestmark = pytest.mark.heavy


@pytest.mark.parametrize(
    ("rows", "hand"), [("events", by_hand.merge_events), ("sessions", by_hand.merge_sessions)]
)
def test_both_sides_leave_the_same_rows(tmp_path: Path, rows: str, hand: ByHand) -> None:
    settings = Settings(paths=Paths(data=str(tmp_path)))
    told: list[str] = []
    with closing(EmbeddedEngine(settings)) as engine:
        found = list(
            measure(
                settings,
                engine,
                hand,
                rows=rows,
                sizes=(3_000,),
                new_rows=200,
                pairs=1,
                late=True,
                told=told.append,
            )
        )
    assert [(one.rows, one.case, len(one.ours), len(one.by_hand)) for one in found] == [
        (rows, "newest", 1, 1),
        (rows, "late", 1, 1),
    ]
    assert len(told) == 4
    assert not list((tmp_path / "bench").iterdir())
