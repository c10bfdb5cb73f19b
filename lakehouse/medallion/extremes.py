"""Least and greatest values cannot be taken back like sums: whether one has gone with the rows removed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lakehouse.medallion import scratch
from lakehouse.reading.relations import identifier, literal


def lost(
    removed: Sequence[Path], added: Sequence[Path], keys: Sequence[str], least: str, greatest: str
) -> bool:
    """Whether some rows of the files ``removed`` had, among those of their ``keys`` and the UTC date of
    ``least``, a lesser ``least`` or a greater ``greatest`` than the rows of the files ``added``, or the only
    ones. Files that are in both were there in between only."""
    if not removed:
        return False
    gone = set(removed)
    names = ", ".join(identifier(name) for name in keys)
    low, high = identifier(least), identifier(greatest)

    def bounds(files: Sequence[Path]) -> str:
        listed = ", ".join(literal(str(path)) for path in files)
        return (
            f"SELECT {names}, CAST({low} AS DATE) AS day, min({low}) AS low, max({high}) AS high "
            f"FROM read_parquet([{listed}], hive_partitioning = false) GROUP BY ALL"
        )

    live = [path for path in added if path not in gone]
    if not live:
        return True
    with scratch.session() as session:
        row = session.execute(
            f"SELECT count(*) FROM ({bounds(removed)}) AS was LEFT JOIN ({bounds(live)}) AS now "
            f"USING ({names}, day) WHERE now.low IS NULL OR now.low > was.low OR now.high < was.high"
        ).fetchone()
    return bool(row and row[0])
