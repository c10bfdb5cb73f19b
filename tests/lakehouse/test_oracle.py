"""Any split of arrivals into files, partitions, rounds and restarts gives what plain Python computes from the
input."""

from __future__ import annotations

import math
import tempfile
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from contracts.layout import table_path
from contracts.settings import Lakehouse, Paths, Settings
from contracts.sources import APP_EVENTS
from lakehouse.embedded import EmbeddedEngine
from lakehouse.medallion.rounds import Rounds
from tests.examples import examples

NOON = datetime(2026, 3, 5, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)

events = st.fixed_dictionaries(
    {
        "event_id": st.sampled_from(["a", "b", "c", "d'x", "é 💥"]),
        "event_timestamp": st.integers(-130, 130).map(lambda n: NOON + timedelta(minutes=n, microseconds=n)),
        "event_type": st.sampled_from(["login", "purchase"]),
        "app_type": st.sampled_from(["web", "mobile"]),
        "user_id": st.sampled_from(["u", "v", "w"]),
        "event_value": st.one_of(st.none(), st.floats(-1e6, 1e6)),
    }
)
files = st.tuples(st.just("file"), st.integers(0, 1), st.lists(events, max_size=6))
actions = st.lists(
    st.one_of(files, files, st.sampled_from([("bronze",), ("silver",), ("gold",), ("restart",)]))
)


def expected_silver(bronze: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    for row in bronze:
        if row["event_type"] == "purchase" and (row["event_value"] or 0) < 0:
            continue
        near = (
            other
            for other in kept
            if other["event_id"] == row["event_id"]
            and abs(other["event_timestamp"] - row["event_timestamp"]) <= HOUR
        )
        if next(near, None) is None:
            kept.append(row)
    return kept


def expected_gold(silver: list[dict[str, Any]]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in silver:
        at = row["event_timestamp"]
        groups[at.date(), at.hour, row["event_type"], row["app_type"]].append(row)
    result = {}
    for key, rows in groups.items():
        values = [row["event_value"] for row in rows if row["event_value"] is not None]
        total = math.fsum(values) if values else None
        result[key] = (
            len(rows),
            len({row["user_id"] for row in rows}),
            min(values, default=None),
            max(values, default=None),
            total / len(values) if total is not None else None,
            total,
        )
    return result


quickly = hypothesis_settings(
    max_examples=examples(6),
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
thoroughly = hypothesis_settings(quickly, max_examples=300)


@pytest.mark.heavy
@given(actions=actions)
@quickly
def test_silver_and_gold_equal_the_oracle(
    actions: list[Any], make_landing: Callable[[Settings], Any], shared_engine: EmbeddedEngine
) -> None:
    check(actions, make_landing, shared_engine)


@pytest.mark.long
@given(actions=actions)
@thoroughly
def test_silver_and_gold_equal_the_oracle_at_length(
    actions: list[Any], make_landing: Callable[[Settings], Any], shared_engine: EmbeddedEngine
) -> None:
    check(actions, make_landing, shared_engine)


def check(actions: list[Any], make_landing: Callable[[Settings], Any], engine: EmbeddedEngine) -> None:
    with tempfile.TemporaryDirectory(prefix="dp-oracle-") as root:
        check_in(root, actions, make_landing, engine)


def check_in(
    root: str, actions: list[Any], make_landing: Callable[[Settings], Any], engine: EmbeddedEngine
) -> None:
    settings = Settings(paths=Paths(data=root), lakehouse=Lakehouse(engine="embedded", gold_seconds=1))
    landing = make_landing(settings)
    rounds = Rounds(settings, engine)
    landed = 0
    for action in actions:
        match action:
            case ("file", partition, rows):
                if rows:
                    landing.add(APP_EVENTS, rows, partition=partition)
                    landed += len(rows)
            case ("restart",):
                rounds.close()
                rounds = Rounds(settings, engine)
            case (layer,):
                getattr(rounds, layer)()
    rounds.close()
    rounds = Rounds(settings, engine)
    rounds.bronze()
    rounds.silver()
    rounds.gold()
    assert rounds.status.failures == dict.fromkeys(rounds.status.failures, 0)
    rounds.close()

    def rows_of(layer: str, name: str) -> list[dict[str, Any]]:
        return list(DeltaTable(str(table_path(settings, layer, name))).to_pyarrow_table().to_pylist())

    bronze = rows_of("bronze", "app_events_bronze")
    bronze.sort(key=lambda row: (row["load_timestamp"], row["source_partition"], row["source_offset"]))
    positions = [(row["source_partition"], row["source_offset"]) for row in bronze]
    assert len(positions) == len(set(positions)) == landed

    columns = ("event_id", "event_timestamp", "user_id", "event_value", "source_partition", "source_offset")
    silver = expected_silver(bronze)

    def picture(rows: list[dict[str, Any]]) -> list[str]:
        return sorted(repr([row[name] for name in columns]) for row in rows)

    assert picture(rows_of("silver", "app_events_silver")) == picture(silver)

    wanted = expected_gold(silver)
    found = {
        (row["metric_date"], row["metric_hour"], row["event_type"], row["app_type"]): (
            row["total_events"],
            row["unique_users"],
            row["min_event_value"],
            row["max_event_value"],
            row["avg_event_value"],
            row["total_event_value"],
        )
        for row in rows_of("gold", "event_metrics_gold")
    }
    assert found.keys() == wanted.keys()
    for key, values in wanted.items():
        assert found[key][:4] == values[:4]
        for got, value in zip(found[key][4:], values[4:], strict=True):
            same = got is value is None or math.isclose(got, value, rel_tol=1e-9, abs_tol=1e-6)
            assert same, (key, got, value)


@pytest.fixture(scope="module")
def shared_engine() -> Any:
    engine = EmbeddedEngine(Settings())
    yield engine
    engine.close()
