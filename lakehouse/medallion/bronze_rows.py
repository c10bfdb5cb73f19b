"""Landed rows as bronze keeps them, in the order of a chain, for whoever needs them when landing is gone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import polars as pl
from deltalake import DeltaTable

from contracts.errors import ContractError
from contracts.landing import LANDING
from contracts.settings import Settings
from contracts.sources import Source
from lakehouse.datasets import dataset
from lakehouse.storage import commits, delta_log, tables

SPAN = 250_000
"""Offsets that are read at a time."""


def rows_below(
    settings: Settings, source: Source, topic_id: str, partition: int, offset: int, since: date
) -> Iterator[pl.DataFrame]:
    """Rows of a source partition below ``offset`` whose event is of the UTC day ``since`` or later, in the
    order of source offsets, in frames with the landing columns. None where there is no bronze table yet.

    Raises ContractError where bronze has rows of that partition from more than one topic of the name: the
    topic's id is not a column of it.
    """
    declared = dataset(source.bronze_table)
    path = tables.path_of(settings, declared)
    version = delta_log.latest_version(path)
    if version < 0:
        return
    known = (commits.last_metadata(path, version) or {}).get("chains", {})
    others = [
        chain for chain in known if chain.endswith(f"/{partition}") and chain != f"{topic_id}/{partition}"
    ]
    if others:
        raise ContractError(
            f"{declared.name} has rows of partition {partition} from {len(others) + 1} topics named "
            f"{source.topic}, which it does not tell apart; choose a later day, of which landing has all"
        )
    files = [
        str(file.path)
        for file in tables.snapshot_files(DeltaTable(str(path), version=version), path, declared)
        if file.partition is None or file.partition >= since.isoformat()
    ]
    if not files:
        return
    rows = pl.scan_parquet(files, hive_partitioning=False).filter(
        pl.col("source_partition") == partition, pl.col("source_offset") < offset
    )
    bounds = rows.select(low=pl.col("source_offset").min(), high=pl.col("source_offset").max()).collect()
    low, high = bounds.row(0)
    if low is None:
        return
    for start in range(low, high + 1, SPAN):
        span = rows.filter(pl.col("source_offset").is_between(start, start + SPAN - 1))
        yield span.select(LANDING[source.name].names).sort("source_offset").collect()
