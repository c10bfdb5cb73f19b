"""The whole path on the real platform: from `dp produce` and the simulators to an SQL answer."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from contracts.landing import META_FIRST_OFFSET, META_LAST_OFFSET
from contracts.layout import chains_root
from contracts.settings import Settings
from contracts.sources import APP_EVENTS, SOURCES, Source
from lakehouse.datasets import in_layer
from runtime.bench.acceptance_data import generate, write
from runtime.bench.api_client import ApiClient
from runtime.bench.path import verify
from tests.system.platform_copy import PlatformCopy

pytestmark = pytest.mark.timeout(900)

VERIFY_SECONDS = 240.0
OFTEN = {"streams__flush_seconds": 3.0, "lakehouse__silver_seconds": 10, "lakehouse__gold_seconds": 15}
"""Shorter rounds than the defaults: more steps at which a kill may hit, and less to wait for."""


@pytest.fixture
def copy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PlatformCopy]:
    """Parametrised indirectly by settings (`section__key`)."""
    made = PlatformCopy(tmp_path, **request.param)
    yield made
    made.end()


def landed(settings: Settings, source: Source) -> dict[tuple[str, str], list[tuple[int, int, int]]]:
    """First and last offset and rows of each file, per chain, in the order of the names."""
    chains: dict[tuple[str, str], list[tuple[int, int, int]]] = defaultdict(list)
    for path in sorted(chains_root(settings, source).glob("topic_id=*/partition=*/*.parquet")):
        file = pq.ParquetFile(path)
        meta = file.schema_arrow.metadata
        assert path.name == f"{int(meta[META_FIRST_OFFSET]):020d}.parquet"
        chain = path.parent.parent.name, path.parent.name
        chains[chain].append(
            (int(meta[META_FIRST_OFFSET]), int(meta[META_LAST_OFFSET]), file.metadata.num_rows)
        )
    return chains


def positions(settings: Settings, source: Source) -> Counter[tuple[int, int]]:
    """How often each source position (partition, offset) is in landing."""
    found: Counter[tuple[int, int]] = Counter()
    for path in chains_root(settings, source).glob("topic_id=*/partition=*/*.parquet"):
        table = pq.ParquetFile(path).read(columns=["source_partition", "source_offset"])
        found.update(zip(*(column.to_pylist() for column in table.columns), strict=True))
    return found


@pytest.mark.parametrize(
    "copy",
    [{"lakehouse__engine": "spark", **OFTEN}, {"lakehouse__engine": "embedded", **OFTEN}],
    ids=["spark", "embedded"],
    indirect=True,
)
def test_events_come_through_kills_and_a_restart_once(copy: PlatformCopy, tmp_path: Path) -> None:
    data = generate(20_000, 200, 50, seed=10, end=datetime.now(UTC))
    first, second = data.parts(2)
    quarter = -(-len(first) // 4)
    slices = [first[start : start + quarter] for start in range(0, len(first), quarter)]

    def produce(number: int, lines: list[bytes]) -> None:
        file = tmp_path / f"{number}.ndjson.gz"
        write(lines, file)
        copy.dp("produce", APP_EVENTS.topic, str(file))

    copy.up("--no-simulators")
    began = time.monotonic()
    for number, (lines, victim) in enumerate(
        zip(slices, ("ingestion", "stream-worker-1", "lakehouse-driver", ""), strict=True)
    ):
        produce(number, lines)
        if victim:
            copy.kill(victim)
    copy.down()
    copy.up("--no-simulators")
    produce(4, second)

    checks = list(verify(copy.settings, data, first_dead_letter=0, began=began, timeout=VERIFY_SECONDS))
    assert [check for check in checks if not check.passed] == []

    total = data.events + data.duplicates
    counts = positions(copy.settings, APP_EVENTS)
    assert len(counts) == total
    assert set(counts.values()) == {1}
    for files in landed(copy.settings, APP_EVENTS).values():
        ends = [last for _, last, _ in files]
        assert [start for start, _, _ in files] == [0, *(last + 1 for last in ends[:-1])]

    with ApiClient(copy.settings) as api:
        tables = {table["name"]: table for table in api.get("/tables")}
        layers = {
            name: tables[name]["layer"]
            for name in ("app_events_bronze", "app_events_silver", "event_metrics_gold")
        }
        assert list(layers.values()) == ["bronze", "silver", "gold"]
        gold = {declared.name for declared in in_layer("gold")}
        assert {table["name"] for table in api.get("/tables?layer=gold")} == gold
        preview = api.get("/tables/app_events_silver/preview")
        assert 0 < len(preview["rows"]) <= 20
        assert api.get("/health")["status"] in ("healthy", "degraded")
        if "events_aggregated_realtime" in tables:
            found = api.rows(
                "SELECT sum(event_count) FROM events_aggregated_realtime "
                f"WHERE starts_with(event_type, '{data.marker}')"
            )
            assert int(found[0][0]) == total

    twice = next(line for line, count in Counter(data.lines).items() if count == 2)
    event_id = json.loads(twice)["event_id"]
    journey = json.loads(copy.dp("trace", "--json", event_id))
    assert {found["topic"] for found in journey["copies"]} == {APP_EVENTS.topic}
    assert sorted(found["silver"] for found in journey["copies"]) == ["duplicate", "kept"]
    assert all(Path(found["landing_file"]).exists() for found in journey["copies"])
    counted_in = {row["table"]: row["row"] for row in journey["gold"]}
    assert counted_in.keys() == {"event_metrics_gold", "hourly_metrics_gold"}
    assert counted_in["event_metrics_gold"]["event_type"] == json.loads(twice)["event_type"]
    copy.dp("trace", f"{event_id}-never-sent", expect=5)
    copy.down()


SIMULATED = {
    "lakehouse__engine": "embedded",
    "simulators__rate": 50.0,
    "simulators__faults": 0.1,
    "simulators__users": 500,
    "streams__flush_seconds": 2.0,
    "lakehouse__silver_seconds": 3,
    "lakehouse__gold_seconds": 5,
}


@pytest.mark.parametrize("copy", [SIMULATED], ids=["embedded"], indirect=True)
def test_all_simulated_sources_land_and_faults_become_dead_letters(copy: PlatformCopy) -> None:
    copy.up()
    for source in SOURCES:
        copy.eventually(lambda source=source: len(positions(copy.settings, source)) > 200)  # type: ignore[misc]
    copy.eventually(lambda: len(_dead_letters(copy)) > 100)
    letters = _dead_letters(copy)
    assert all(letter["reason"] for letter in letters)
    assert {source.topic for source in SOURCES if source.topic != "topic_users"} <= {
        letter["topic"] for letter in letters
    }
    with ApiClient(copy.settings) as api:
        copy.eventually(lambda: api.rows("SELECT count(*) FROM app_events_silver")[0][0] > 500)
        rows, ids, systems = api.rows(
            "SELECT count(*), count(DISTINCT event_id), list(DISTINCT source_system) FROM app_events_silver"
        )[0]
        assert rows == ids
        assert systems == ["simulator"]
        duplicates = "SELECT count(*) - count(DISTINCT event_id) FROM app_events_bronze"
        copy.eventually(lambda: api.rows(duplicates)[0][0] > 0)
        for declared in (*in_layer("silver"), *in_layer("gold")):
            if declared.model:
                filled = f"SELECT count(*) FROM {declared.name}"
                copy.eventually(lambda filled=filled: api.rows(filled)[0][0] > 0)  # type: ignore[misc]
        assert "failed" not in " ".join(api.get("/health")["reasons"])
    copy.down()
    for source in SOURCES:
        assert set(positions(copy.settings, source).values()) == {1}


def _dead_letters(copy: PlatformCopy) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(copy.dp("dead-letters", "list", "--json", "--limit", "0"))
    return found
