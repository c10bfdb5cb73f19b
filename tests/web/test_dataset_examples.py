"""The example of each dataset's page answers its question, over a lakehouse of half a day and the
stream's views."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest

from lakehouse.catalog.tables import TABLES
from lakehouse.datasets.examples import EXAMPLES
from lakehouse.embedded import EmbeddedEngine
from tests.lakehouse import seeded
from tests.lakehouse.view_rows import Views, session, window

NOTHING_TO_TELL = {
    "app_events_bronze": "no delivery has a flag",
    "quarantine_silver": "no row was refused",
    "catalog_annotations": "nobody has edited a table",
    "quality_results": "nothing was checked",
    "batch_runs": "no job has run",
}
"""Of a clean lakehouse."""


def test_every_dataset_has_an_example() -> None:
    assert EXAMPLES.keys() == TABLES.keys()
    for name, example in EXAMPLES.items():
        assert example.question.endswith("?") and name in example.sql


@pytest.mark.heavy
def test_every_example_runs_and_answers(tmp_path: Path, with_client: Any) -> None:
    engine = EmbeddedEngine(seeded.settings_at(tmp_path / "data"))
    try:
        settings = seeded.build(tmp_path / "data", engine, islice(seeded.clean_batches(1), 1))
    finally:
        engine.close()
    views = Views(settings)
    views.add([window(1, "u1", 3)], 1)
    views.add([session("s", "u1", 60) | {"is_final": False}], 1, "clickstream_sessions")

    async def body(client: httpx.AsyncClient) -> None:
        for name, example in EXAMPLES.items():
            answer = await client.post("/query", json={"sql": example.sql})
            assert answer.status_code == 200, f"{name}: {answer.text}"
            told = answer.json()
            assert set(told["versions"]) == {name}, "an example is about its own table"
            assert bool(told["rows"]) is (name not in NOTHING_TO_TELL), name

    with_client(settings, body)
