"""kill -9 of the driver at random points of its rounds: in the end all is what plain Python computes."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.layout import table_path
from contracts.platform import METRICS, PLATFORM_LANDING
from contracts.settings import Paths, Settings
from contracts.sources import SOURCES
from lakehouse.datasets import DATASETS
from lakehouse.embedded import EmbeddedEngine
from lakehouse.medallion import platform_landing
from lakehouse.medallion.chains import QUARANTINE
from lakehouse.medallion.gold import utc_today
from lakehouse.medallion.rounds import Rounds
from lakehouse.storage import commits, delta_log
from tests.lakehouse import simulated
from tests.lakehouse.driver_process import Driver, until, with_shortest_cadence
from tests.lakehouse.test_medallion import check, rows_of
from tests.system.spark_cluster import SparkCluster

pytestmark = pytest.mark.timeout(3600)

Row = dict[str, Any]


class Feed:
    """Three days that land file by file while the driver is killed; what has landed, by its place."""

    def __init__(self, settings: Settings, make_landing: Any, seed: int, strikes: int) -> None:
        self._settings = settings
        made = msgspec.structs.replace(settings, paths=Paths(data=f"{settings.data_root}-whole"))
        self._whole = made.data_root
        self._landing = make_landing(made)
        self._batches = list(simulated.batches(seed, strikes, 40))
        self.sampled = 0
        self.landed: dict[str, dict[tuple[int, int], Row]] = {source.name: {} for source in SOURCES}
        self.torn: dict[Path, Path] = {}
        """Files that landed torn, and where they are whole."""

    def land(self, number: int, chance: random.Random) -> Iterator[None]:
        """The files of a batch, one at a time. Every fifth batch has torn files and foreign ones."""
        for source, partition, rows in self._batches[number]:
            whole: Path = self._landing.add(source, rows, partition=partition)
            for row in pq.read_table(whole).to_pylist():
                self.landed[source.name][partition, row["source_offset"]] = row
            path = self._settings.data_root / whole.relative_to(self._whole)
            path.parent.mkdir(parents=True, exist_ok=True)
            if number % 5 == 2 and chance.random() < 0.5:
                self.torn[path] = whole
                content = whole.read_bytes()
                hidden = path.with_name("." + path.name)
                hidden.write_bytes(content[: chance.randrange(len(content))])
                hidden.rename(path)
                path.with_name("part-00000.parquet").write_bytes(b"PAR1 of somebody else")
            else:
                os.link(whole, path)
            yield
        sample = {
            "sampled_at": simulated.START.replace(hour=number % 24),
            "component": "ingestion",
            "metric": "dead_letters",
            "value": float(number),
            "status": ["healthy", "degraded", "unhealthy"][number % 3],
        }
        rows_sampled = pa.Table.from_pylist([sample], PLATFORM_LANDING[METRICS.name])
        platform_landing.append(self._settings, METRICS.name, rows_sampled)
        self.sampled += 1

    def set_aside(self) -> bool:
        return all((path.parent / QUARANTINE / path.name).exists() for path in self.torn)

    def mend(self) -> None:
        """Puts the whole files where the torn ones were."""
        for path, whole in self.torn.items():
            os.link(whole, path)


def rows_behind(settings: Settings, feed: Feed) -> int:
    """Landed rows that bronze does not have, and rows of bronze that silver has not read."""
    behind = 0
    for source in SOURCES:
        path = table_path(settings, "bronze", source.bronze_table)
        behind += len(feed.landed[source.name]) - sum(
            file.rows
            for version in range(delta_log.latest_version(path) + 1)
            if (commit := delta_log.read_commit(path, version))
            for file in commit.added
        )
    for declared in DATASETS.values():
        if declared.layer != "silver" or not declared.upstream or not declared.model:
            continue
        if not declared.upstream[0].endswith("_bronze"):
            continue
        taken = (commits.last_metadata(table_path(settings, "silver", declared.name)) or {}).get(
            "source_version", -1
        )
        newest = delta_log.latest_version(table_path(settings, "bronze", declared.upstream[0]))
        behind += newest - int(taken)
    return behind


def commits_so_far(settings: Settings) -> int:
    """Versions of all tables of silver and gold together."""
    return sum(
        delta_log.latest_version(table_path(settings, declared.layer, declared.name))
        for declared in DATASETS.values()
        if declared.layer in ("silver", "gold")
    )


def strike(
    settings: Settings,
    make_landing: Any,
    seed: int,
    strikes: int,
    *,
    most: int,
    longest: float,
    patience: float,
) -> Feed:
    """Lands a batch and kills the driver at some moment, ``strikes`` times; then lets it come to rest.

    A kill comes at some moment of up to ``longest`` seconds after some number, up to ``most``, of commits to
    silver and gold: however slow the machine is, all of them are met.
    """
    chance = random.Random(seed)
    feed = Feed(settings, make_landing, seed, strikes)
    driver = Driver(settings, cold=settings.lakehouse.engine == "spark")
    try:
        for number in range(strikes):
            driver.start()
            until(driver.beat, "the driver is ready", patience)
            so_far = commits_so_far(settings)
            for _ in feed.land(number, chance):
                time.sleep(chance.uniform(0, 0.02))
            goal = so_far + chance.randint(0, most)
            until(lambda goal=goal: commits_so_far(settings) >= goal, "so many commits", patience)
            time.sleep(chance.uniform(0, longest))
            assert driver.end(signal.SIGKILL) == -signal.SIGKILL
        driver.start()
        until(driver.beat, "the driver is ready", patience)
        until(feed.set_aside, "torn files are set aside", patience)
        alert = until(lambda: (beat := driver.beat()) and beat.message, "the driver says so", patience)
        assert QUARANTINE in alert or "passed over" in alert
        feed.mend()
        until(lambda: rows_behind(settings, feed) == 0, "silver has all", patience)
        rounds = until(lambda: (beat := driver.beat()) and beat.details["rounds"].get("gold"), "a gold round")
        until(
            lambda: (
                (beat := driver.beat())
                and beat.state == "running"
                and beat.details["rounds"]["gold"]["at"] > rounds["at"]
                and not any(beat.details["lag"].values())
            ),
            "nothing waits, and all is well",
            patience,
        )
        assert driver.end(signal.SIGTERM) == 0
    finally:
        driver.close()
    return feed


def check_all(settings: Settings, feed: Feed) -> None:
    """Bronze against what landed, the rest against the recomputation from it."""
    for source in SOURCES:
        found = rows_of(settings, source.bronze_table)
        by_place = {(row["source_partition"], row["source_offset"]): row for row in found}
        assert len(by_place) == len(found) == len(feed.landed[source.name])
        for place, landed in feed.landed[source.name].items():
            stored = by_place[place]
            # NaN differs from itself.
            assert {name: repr(stored[name]) for name in landed} == {n: repr(v) for n, v in landed.items()}
    assert len(rows_of(settings, "platform_metrics_silver")) == feed.sampled
    assert feed.torn
    # Segments are ranks among all users, computed for those who were active: they are compared when anew.
    engine = EmbeddedEngine(settings)
    rounds = Rounds(settings, engine)
    next(gold for gold in rounds.gold_tables if gold.declared.name == "user_segments_gold").rebuild_all()
    rounds.close()
    engine.close()
    check(settings, utc_today())


@pytest.mark.parametrize(
    "strikes",
    [pytest.param(6, marks=pytest.mark.system), pytest.param(20, marks=pytest.mark.long)],
)
def test_embedded_nothing_is_lost_and_nothing_doubled(
    settings: Settings, make_landing: Any, strikes: int
) -> None:
    live = with_shortest_cadence(settings)
    feed = strike(live, make_landing, seed=7, strikes=strikes, most=8, longest=0.3, patience=120.0)
    check_all(live, feed)


@pytest.mark.long
@pytest.mark.parametrize("strikes", [20])
def test_spark_nothing_is_lost_and_nothing_doubled(tmp_path: Path, make_landing: Any, strikes: int) -> None:
    cluster = SparkCluster(tmp_path)
    try:
        cluster.start()
        live = with_shortest_cadence(cluster.settings)
        feed = strike(live, make_landing, seed=8, strikes=strikes, most=8, longest=3.0, patience=900.0)
        check_all(live, feed)
    finally:
        cluster.close()
