"""Derives a view's state again: the table's buckets as a head start, then the rows that have landed since.

Landing is cleaned once bronze has it, so of a bucket that is lost, or older than the clean-up, some rows are
in bronze alone. They are taken from there: a window or session that is still open needs all of its events, or
its next row in the view would say less than the one before. What had closed by then has been shown already.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import polars as pl

from contracts.errors import ContractError
from contracts.sources import Source
from streams.buckets import BUCKETS, Bucket, bucket_of
from streams.chain import Chain, ChainFile
from streams.packing import NO_OFFSET
from streams.views import ViewState
from streams.watermark import MICROSECONDS, LateRule

log = logging.getLogger(__name__)

BronzeRows = Callable[[Source, str, int, int, date], Iterator[pl.DataFrame]]
"""(source, topic id, partition, offset, day) → the rows below that source offset whose event is of that UTC
day or later, with the landing columns, in frames of any size. May raise ContractError."""
OlderRows = Callable[[int, date], Iterator[pl.DataFrame]]
"""The same for one source partition: (offset, day)."""
LONGEST_SESSION = 86_400 * MICROSECONDS
"""Of an open session that goes on for longer than that, the beginning is not looked for in bronze."""


def no_rows(*_: object) -> Iterator[pl.DataFrame]:
    """Where there is no bronze."""
    return iter(())


def roll_forward(
    state: ViewState,
    usable: Mapping[int, Bucket],
    chain: Chain,
    tail: ChainFile,
    rule: LateRule,
    older: OlderRows,
) -> None:
    """Takes the rows that each bucket does not include yet. The buckets have been restored; ``tail`` is the
    chain's newest file. Raises ContractError where the chain is damaged, OSError where it cannot be read."""
    includes = [usable[number].offset if number in usable else NO_OFFSET for number in range(BUCKETS)]
    oldest = min(includes)
    if oldest >= tail.last:
        return
    files = list(chain.files_above(oldest))
    if files[0].first > oldest + 1 and tail.watermark is not None:
        _take_older(state, usable, files, includes, rule, tail.watermark, older)
    for file in files:
        frame = _not_included(pl.read_parquet(file.path, hive_partitioning=False), includes)
        state.absorb(frame.filter(~pl.col("is_late")))
        state.absorb_late(frame.filter("is_late"), file.last)


def _take_older(
    state: ViewState,
    usable: Mapping[int, Bucket],
    files: Sequence[ChainFile],
    includes: Sequence[int],
    rule: LateRule,
    watermark: int,
    older: OlderRows,
) -> None:
    """Rows below the first file that landing still has, of what an event in or after it can reach."""
    begins = files[0].first
    first = (
        pl.scan_parquet([file.path for file in files], hive_partitioning=False)
        .filter(~pl.col("is_late"))
        .select(pl.col(rule.time_field).dt.epoch("us").min())
        .collect()
        .item()
    )
    horizon = watermark - rule.grace if first is None else min(first, watermark - rule.grace)
    needed = [horizon - rule.window - LONGEST_SESSION]
    for bucket in usable.values():
        if bucket.offset < begins - 1:
            needed.append((bucket.watermark or 0) - rule.grace - rule.window)
    taken = 0
    try:
        for frame in older(begins, _day(min(needed))):
            rows = _not_included(frame.filter(~pl.col("is_late")), includes)
            state.absorb(rows)
            taken += rows.height
    except ContractError as error:
        log.error(  # noqa: TRY400 - the sentence says it
            "%s: rows below offset %d are needed from bronze, which cannot give them (%s); what was open "
            "then may be too low until `dp replay`",
            files[0].path.parent,
            begins,
            error,
        )
    log.info("%s: %d rows below offset %d came from bronze", files[0].path.parent, taken, begins)
    # What has ended before is in the view already, and what the first day had cut off goes with it.
    state.emit(begins - 1, horizon + rule.grace)


def _not_included(frame: pl.DataFrame, includes: Sequence[int]) -> pl.DataFrame:
    """Rows that their user's bucket does not include."""
    if len(set(includes)) == 1:
        return frame.filter(pl.col("source_offset") > includes[0])
    users = frame["user_id"].unique()
    known = pl.DataFrame(
        {
            "user_id": users,
            "included": pl.Series([includes[bucket_of(user)] for user in users], dtype=pl.Int64),
        }
    )
    return frame.join(known, on="user_id").filter(pl.col("source_offset") > pl.col("included"))


def _day(moment: int) -> date:
    """UTC day of microseconds since 1970."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)).date()
