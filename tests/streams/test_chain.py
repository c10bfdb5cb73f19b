"""Put-if-absent on a real disk."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.errors import ConflictError, ContractError
from streams.chain import ABANDONED_SECONDS, Chain

SCHEMA = pa.schema([pa.field("source_offset", pa.int64(), nullable=False)])


def frame(*offsets: int) -> pl.DataFrame:
    return pl.DataFrame({"source_offset": list(offsets)}, schema={"source_offset": pl.Int64})


def test_files_follow_one_another_and_say_what_they_hold(tmp_path: Path) -> None:
    chain = Chain(tmp_path / "partition=0", "id", SCHEMA)
    assert chain.tail() is None
    chain.append(frame(0, 2), last=3, after=-1, watermark=None)
    chain.append(frame(), last=7, after=3, watermark=12)
    tail = chain.tail()
    assert tail is not None
    assert (tail.path.name, tail.first, tail.last, tail.watermark) == (f"{4:020d}.parquet", 4, 7, 12)
    assert [file.first for file in chain.files_above(-1)] == [0, 4]
    assert [file.first for file in chain.files_above(3)] == [4]
    assert list(chain.files_above(7)) == []
    metadata = pq.read_schema(tmp_path / "partition=0" / f"{0:020d}.parquet").metadata
    assert metadata[b"dp.first_offset"] == b"0"
    assert metadata[b"dp.last_offset"] == b"3"
    assert metadata[b"dp.topic_id"] == b"id"


def test_a_place_is_claimed_once_and_the_loser_leaves_nothing(tmp_path: Path) -> None:
    one, two = Chain(tmp_path, "id", SCHEMA), Chain(tmp_path, "id", SCHEMA)
    one.append(frame(0), last=0, after=-1, watermark=1)
    with pytest.raises(ConflictError):
        two.append(frame(0, 1), last=1, after=-1, watermark=1)
    assert [path.name for path in tmp_path.iterdir()] == [f"{0:020d}.parquet"]
    assert pq.read_table(tmp_path / f"{0:020d}.parquet").num_rows == 1


def test_a_writer_that_dies_before_the_claim_leaves_only_a_hidden_file(tmp_path: Path) -> None:
    chain = Chain(tmp_path, "id", SCHEMA)
    seen: list[list[str]] = []

    def step(name: str) -> None:
        if name == "hidden":
            seen.append([path.name for path in tmp_path.iterdir()])

    chain.append(frame(0), last=0, after=-1, watermark=1, step=step)
    (name,) = seen[0]
    assert name.startswith(".")
    (tmp_path / name).write_bytes(b"half a file")
    assert chain.clean_abandoned() == 0, "it may be another writer's"
    long_ago = (tmp_path / name).stat().st_mtime - ABANDONED_SECONDS - 1
    os.utime(tmp_path / name, (long_ago, long_ago))
    assert chain.clean_abandoned() == 1
    assert chain.tail() is not None


def test_a_missing_file_in_between_is_named(tmp_path: Path) -> None:
    chain = Chain(tmp_path, "id", SCHEMA)
    for number in range(3):
        chain.append(frame(number), last=number, after=number - 1, watermark=number)
    (tmp_path / f"{1:020d}.parquet").unlink()
    with pytest.raises(ContractError, match="begins at 2, its predecessor ends at 0"):
        list(chain.files_above(-1))


def test_a_file_of_another_topic_is_not_taken(tmp_path: Path) -> None:
    Chain(tmp_path, "old", SCHEMA).append(frame(0), last=0, after=-1, watermark=1)
    with pytest.raises(ContractError, match="does not belong there"):
        Chain(tmp_path, "new", SCHEMA).tail()
