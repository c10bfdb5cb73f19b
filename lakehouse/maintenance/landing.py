"""Clean-up of landing: chain files that are in bronze and older than the retention.

A chain's newest files always stay: the newest is where a worker goes on, and what is younger than the
retention is what a worker rolls its state forward from. So does whatever bronze has not taken.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from contracts.settings import Settings
from lakehouse.medallion.bronze import BronzeTable
from lakehouse.medallion.chains import Gap, chain_files, discover

log = logging.getLogger(__name__)


def removable(folder: Path, position: int, gaps: Sequence[Gap], older_than: float) -> Iterator[Path]:
    """Files of one chain that nobody needs, the oldest first.

    ``position``: the last offset that bronze has of the chain, ``gaps``: what it passed over; ``older_than``:
    Unix seconds. A file ends where the next begins, so none needs to be opened. Stops at the first file that
    stays, so that what is left is a chain without holes.
    """
    files = chain_files(folder)
    for (first, path), (next_first, _) in pairwise(files):
        last = next_first - 1
        if last > position or any(gap.first <= last and gap.last >= first for gap in gaps):
            return
        try:
            if path.stat().st_mtime >= older_than:
                return
        except FileNotFoundError:
            continue
        yield path


def clean(settings: Settings, table: BronzeTable) -> int:
    """Removes what is removable of all chains that a table is fed from; returns how many files."""
    older_than = time.time() - settings.lakehouse.landing_retention_hours * 3600
    removed = 0
    for chain, folder in discover(settings, table.source).items():
        gaps = [gap for gap in table.gaps if gap.chain == chain]
        for path in list(removable(folder, table.positions.get(chain, -1), gaps, older_than)):
            path.unlink(missing_ok=True)
            removed += 1
    if removed:
        log.info("cleaned landing", extra={"table": table.declared.name, "files": removed})
    return removed
