"""Intervals between commits, and what waits, on tables and landing files made by hand."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake

from contracts.errors import DependencyError
from contracts.layout import chain_file_name, chain_folder
from contracts.settings import Lakehouse, Paths, Settings
from contracts.sources import APP_EVENTS
from lakehouse.datasets import dataset
from lakehouse.storage import commits, tables
from runtime.bench.cadence import TableCadence, commit_times, intervals, measure, waiting_in_landing

TOPIC = "q1Sh-9_ySYaDkZDXgyWP6g"


def test_intervals_between_commits_and_since_the_last_one() -> None:
    assert intervals([90.0, 105.0, 121.0], began=100.0, ended=130.0) == [15.0, 16.0]
    # It stands still.
    assert intervals([90.0, 105.0], began=100.0, ended=200.0) == [15.0, 95.0]
    assert intervals([], began=100.0, ended=200.0) == [100.0]


def test_commits_that_take_nothing_in_are_none(tmp_path: Path) -> None:
    path = str(tmp_path)
    rows = pa.table({"n": [1]})
    for metadata in ({"txn": 1}, {"txn": 1}, None, {"txn": 2}):
        told = commits.as_custom_metadata(metadata) if metadata else None
        write_deltalake(path, rows, mode="append", commit_properties=CommitProperties(custom_metadata=told))
    history = {entry["version"]: entry["timestamp"] / 1000 for entry in DeltaTable(path).history()}
    assert commit_times(tmp_path, -1, 3) == [history[0], history[3]]
    # The one before the measurement is where its first interval begins.
    assert commit_times(tmp_path, 0, 3) == [history[0], history[3]]


def test_rows_that_wait_in_landing(tmp_path: Path) -> None:
    settings = Settings(paths=Paths(data=str(tmp_path)))
    declared = dataset("app_events_bronze")
    path = tables.create(settings, declared)
    folder = chain_folder(settings, APP_EVENTS, TOPIC, 0)
    folder.mkdir(parents=True)
    for first, count in ((0, 5), (5, 7), (20, 3)):
        pq.write_table(pa.table({"n": range(count)}), folder / chain_file_name(first))
    (folder / chain_file_name(30)).write_bytes(b"torn")
    assert waiting_in_landing(settings, declared) == 15
    write_deltalake(
        str(path),
        declared.schema.empty_table(),
        mode="append",
        commit_properties=CommitProperties(
            custom_metadata=commits.as_custom_metadata({"txn": 1, "chains": {f"{TOPIC}/0": 4}})
        ),
    )
    assert waiting_in_landing(settings, declared) == 10


@pytest.mark.parametrize(
    ("mean", "p95", "behind", "met"),
    [(15.1, 16.0, 100, True), (16.0, 16.0, 100, False), (15.0, 25.0, 100, False), (15.0, 15.0, 101, False),
     (None, None, 0, None)],
)  # fmt: skip
def test_what_meets_a_limit(mean: float | None, p95: float | None, behind: int, met: bool | None) -> None:
    table = TableCadence(
        table="t", cadence="bronze", commits=1, rows=1, mean=mean, p95=p95, most=p95, limit=15.0,
        behind_before=0, behind_after=behind, behind_limit=100,
    )  # fmt: skip
    assert table.met is met


def test_without_a_driver_there_is_nothing_to_measure(tmp_path: Path) -> None:
    settings = Settings(paths=Paths(data=str(tmp_path)), lakehouse=Lakehouse(engine="embedded"))
    with pytest.raises(DependencyError, match="no lakehouse driver"):
        measure(settings, seconds=0.0, progress=print)
