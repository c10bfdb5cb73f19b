"""Metadata of commits: both forms, and what is found when commits of others, or a clean-up, lie between."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from lakehouse.storage import commits, delta_commit, delta_log

ROWS = pa.table({"n": pa.array([1, 2, 3], pa.int64())})


def write(path: Path, metadata: dict[str, Any] | None = None, txn: int | None = None) -> None:
    properties = CommitProperties(
        custom_metadata=commits.as_custom_metadata(metadata) if metadata is not None else None,
        app_transactions=[Transaction("dp-t", txn)] if txn is not None else None,
    )
    write_deltalake(str(path), ROWS, mode="append", commit_properties=properties)


@pytest.mark.parametrize(
    "info",
    [
        {"dp": '{"txn": 7, "chains": {"t/0": 9007199254740993}}'},
        {"userMetadata": '{"dp": {"txn": 7, "chains": {"t/0": 9007199254740993}}}'},
        {"userMetadata": commits.as_user_metadata({"txn": 7, "chains": {"t/0": 9007199254740993}})},
        commits.as_custom_metadata({"txn": 7, "chains": {"t/0": 9007199254740993}}),
    ],
)
def test_both_forms_are_read(info: dict[str, Any]) -> None:
    assert commits.metadata_of(info) == {"txn": 7, "chains": {"t/0": 9007199254740993}}


@pytest.mark.parametrize(
    "info", [{}, {"userMetadata": "a note"}, {"userMetadata": "[1]"}, {"userMetadata": '{"x": 1}'}]
)
def test_other_metadata_is_none_of_ours(info: dict[str, Any]) -> None:
    assert commits.metadata_of(info) is None


def test_the_last_is_found_behind_commits_without_and_behind_a_checkpoint(tmp_path: Path) -> None:
    table = tmp_path / "t"
    assert commits.last_metadata(table) is None
    write(table, {"txn": 1})
    write(table, {"txn": 2}, txn=2)
    DeltaTable(str(table)).optimize.compact()
    write(table)
    DeltaTable(str(table)).create_checkpoint()
    assert commits.last_metadata(table) == {"txn": 2}
    assert commits.last_metadata(table, 0) == {"txn": 1}


def test_metadata_goes_with_a_cleaned_log_but_transactions_stay(tmp_path: Path) -> None:
    table = tmp_path / "t"
    write(table, {"txn": 4}, txn=4)
    write(table)
    DeltaTable(str(table)).create_checkpoint()
    delta_log.commit_file(table, 0).unlink()
    assert commits.last_metadata(table) is None
    assert DeltaTable(str(table)).transaction_version("dp-t") == 4


def test_the_newest_version_is_found_with_and_without_checkpoint(tmp_path: Path) -> None:
    table = tmp_path / "t"
    assert delta_log.latest_version(table) == -1
    for version in range(3):
        write(table)
        assert delta_log.latest_version(table) == version
    DeltaTable(str(table)).create_checkpoint()
    delta_log.commit_file(table, 0).unlink()
    write(table)
    assert delta_log.latest_version(table) == 3
    assert delta_log.latest_version(table, known=2) == 3
    assert delta_log.read_commit(table, 0) is None


def test_a_commit_tells_its_files(tmp_path: Path) -> None:
    table = tmp_path / "a table"
    rows = pa.table({"n": pa.array([1, 2]), "k": ["a b", "x/y:é%"]})
    write_deltalake(str(table), rows, partition_by=["k"])
    commit = delta_log.read_commit(table, 0)
    assert commit is not None
    assert {file.partition["k"] for file in commit.added} == {"a b", "x/y:é%"}
    assert all(file.path.is_file() and file.rows == 1 and file.data_change for file in commit.added)
    DeltaTable(str(table)).optimize.compact()
    write_deltalake(str(table), rows, mode="overwrite")
    replaced = delta_log.read_commit(table, delta_log.latest_version(table))
    assert replaced is not None
    assert set(replaced.removed) == {file.path for file in commit.added}


def test_changes_are_sorted_and_survive_the_way_there_and_back() -> None:
    pairs = [(date(2026, 3, 5), 23), (date(2026, 3, 4), 7), (date(2026, 3, 5), 23)]
    text = commits.changes(pairs)
    assert json.dumps(text) == (
        '{"dates": ["2026-03-04", "2026-03-05"], "hours": ["2026-03-04T07", "2026-03-05T23"]}'
    )
    assert [commits.parse_hour(hour) for hour in text["hours"]] == sorted(set(pairs))


def test_a_file_is_removed_by_the_text_that_its_writer_gave_it(tmp_path: Path) -> None:
    """Spark escapes `é` in the log otherwise than deltalake does, and leaves it where it stands."""
    table = tmp_path / "t"
    write(table)
    (file,) = table.glob("*.parquet")
    file.rename(table / "é ü.parquet")
    log = delta_log.commit_file(table, 0)
    log.write_text(log.read_text("utf-8").replace(file.name, "é%20ü.parquet"), "utf-8")
    handle = DeltaTable(str(table))
    write(table)
    handle.update_incremental()
    gone = str(table / "é ü.parquet")
    assert gone in handle.file_uris()
    delta_commit.commit(handle, table, adds=[], removes=[gone], app="dp-t", txn=1, metadata={})
    left = DeltaTable(str(table)).file_uris()
    assert len(left) == 1 and gone not in left
