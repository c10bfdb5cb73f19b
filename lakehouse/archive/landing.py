"""What landing and a bronze table that was put back must agree on, so that its chains go on.

The table may be older than what landing has been cleaned up to, and landing may be gone altogether.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from deltalake import DeltaTable

from contracts.durability import sync_folder
from contracts.landing import META_FIRST_OFFSET, META_LAST_OFFSET, META_TOPIC_ID
from contracts.layout import chain_file_name, chains_root
from contracts.platform import Landed, landed_named, landing_schema
from contracts.settings import Settings
from lakehouse.datasets import FromChain, dataset
from lakehouse.medallion.chains import beginning, discover, skipped
from lakehouse.storage import commits, delta_commit, delta_log, tables

log = logging.getLogger(__name__)


def continue_chains(settings: Settings, table: str) -> None:
    """For a table that is fed from landing, just put back; others are left alone.

    Where a chain's files begin only after what the table has, those in between are gone: they are noted as
    passed over, which the driver complains of. Where a chain has no file at all, it gets one without rows at
    the table's position: whoever writes the chain goes on behind it.
    """
    declared = dataset(table)
    if not isinstance(declared.build, FromChain):
        return
    source = landed_named(declared.build.source)
    path = tables.path_of(settings, declared)
    metadata = commits.last_metadata(path)
    if metadata is None:
        return
    chains: dict[str, int] = dict(metadata.get("chains", {}))
    folders = discover(settings, source)
    gaps: list[list[Any]] = list(metadata.get("gaps", ()))
    lost = 0
    for chain, position in chains.items():
        topic_id, _, partition = chain.partition("/")
        root = chains_root(settings, source)
        folder = folders.get(chain) or root / f"topic_id={topic_id}" / f"partition={partition}"
        if beginning(folder) is None:
            _mark(source, folder, topic_id, position)
        elif (beyond := skipped(folder, position + 1)) is not None:
            gaps.append([chain, position + 1, beyond - 1])
            chains[chain] = beyond - 1
            lost += beyond - 1 - position
    if not lost:
        return
    log.error("%s: landing no longer has %d offsets that came after the archive", table, lost)
    txn = int(metadata.get("txn", 0)) + 1
    delta_commit.commit(
        DeltaTable(str(path)),
        path,
        adds=(),
        removes=(),
        app=commits.app_id(declared),
        txn=txn,
        metadata=commits.standing(path, delta_log.latest_version(path), chains=chains, gaps=gaps, txn=txn),
        operation="RESTORE",
    )


def _mark(source: Landed, folder: Path, topic_id: str, position: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    metadata = {
        META_FIRST_OFFSET: str(position),
        META_LAST_OFFSET: str(position),
        META_TOPIC_ID: topic_id,
    }
    rows = landing_schema(source).empty_table().replace_schema_metadata(metadata)
    final = folder / chain_file_name(position)
    hidden = final.with_name(f".{final.name}")
    pq.write_table(rows, hidden)
    hidden.rename(final)
    sync_folder(folder)
