"""Sessions that grow round by round are those that plain Python finds in all clicks."""

from __future__ import annotations

import random
from contextlib import closing
from typing import Any

import pytest

from contracts.settings import Settings
from contracts.sources import CLICKSTREAM
from lakehouse.embedded import EmbeddedEngine
from lakehouse.medallion.rounds import Rounds
from tests.lakehouse import recomputed, simulated
from tests.lakehouse.test_medallion import rows_of, same

pytestmark = pytest.mark.heavy


@pytest.mark.parametrize(
    "seed",
    # In the sixth a click came again in a session that no new click is near.
    [pytest.param(6), *(pytest.param(seed, marks=pytest.mark.long) for seed in (*range(6), *range(7, 20)))],
)
def test_sessions_equal_the_recomputation(
    settings: Settings, landing: Any, engine: EmbeddedEngine, seed: int
) -> None:
    with closing(Rounds(settings, engine)) as rounds:
        (bronze,) = (t for t in rounds.bronze_tables if t.declared.name == "clickstream_bronze")
        (silver,) = (t for t in rounds.silver_tables if t.declared.name == "clickstream_silver")
        for files in simulated.batches(seed, random.Random(seed).choice([6, 12, 24]), 40):
            for source, partition, rows in files:
                if source is CLICKSTREAM:
                    landing.add(source, rows, partition=partition)
            bronze.take()
            while (done := silver.advance()) and done.more:
                pass
    clicks = rows_of(settings, "clickstream_bronze")
    assert len(clicks) > 500
    same(rows_of(settings, "clickstream_silver"), recomputed.sessions(clicks), ("session_key",))
