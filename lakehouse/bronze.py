"""Landing → bronze: what the chains have beyond the table's own commit is appended, in one commit with the
position.

Exactly once without any state beside the table: a crash before the commit leaves nothing that counts, and a
commit says itself how far each chain has been taken.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from msgspec import Struct

from contracts.settings import Settings
from contracts.sources import Source, source_named
from lakehouse import commits, tables
from lakehouse.chains import ChainFile, Trouble, beginning, discover, follow, positions_after, skipped
from lakehouse.datasets import Dataset, FromChain
from lakehouse.datasets.declaration import DUPLICATE_IN_BATCH, LOAD_TIMESTAMP, QUALITY_FLAGS
from lakehouse.embedded import transpile

ROUND_ROWS = 500_000
"""A commit takes no further file once it has this many rows …"""
ROUND_BYTES = 64 * 1024**2
"""… or files of this many bytes."""
HOLE_CHECK_SECONDS = 60.0
"""How often the folder of a chain that stands still is listed for files beyond a missing one."""

log = logging.getLogger(__name__)


class BronzeRound(Struct, frozen=True, kw_only=True):
    """What one round did to one table."""

    table: str
    rows: int = 0
    files: int = 0
    version: int
    more: bool = False
    """Whether the bounds of a round left files waiting."""
    newest: datetime | None = None
    """Newest event time among the rows, UTC."""
    troubles: tuple[Trouble, ...] = ()


class BronzeTable:
    """One bronze table and the chains that it is fed from. For one thread."""

    def __init__(self, settings: Settings, declared: Dataset) -> None:
        assert isinstance(declared.build, FromChain)
        self.declared = declared
        self.source: Source = source_named(declared.build.source)
        self.path: Path = tables.create(settings, declared)
        self._settings = settings
        self._rules = duckdb.connect(config={"threads": 1})
        self._handle: DeltaTable | None = None
        self._positions: dict[str, int] = {}
        self._txn = 0
        self._loaded_at = datetime.min.replace(tzinfo=UTC)
        self._hole_checked: dict[str, float] = {}

    @property
    def version(self) -> int:
        """Newest version of the table."""
        return int(self._table().version())

    def close(self) -> None:
        self._rules.close()

    def take(self, max_rows: int = ROUND_ROWS, max_bytes: int = ROUND_BYTES) -> BronzeRound:
        """Appends what has landed since the last commit, within the bounds, in at most one commit.

        A chain that cannot go on is among the ``troubles``; the others go on. After any error the position is
        read from the table again.
        """
        handle = self._table()
        troubles: list[Trouble] = []
        files: list[ChainFile] = []
        rows = size = 0
        more = False
        for file in self._waiting(troubles):
            files.append(file)
            rows += file.rows.num_rows
            size += file.size
            if rows >= max_rows or size >= max_bytes:
                more = True
                break
        if not files:
            return BronzeRound(table=self.declared.name, version=handle.version(), troubles=tuple(troubles))
        try:
            batch = self._commit(handle, files)
        except BaseException:
            self._handle = None
            raise
        newest = pc.max(batch[self.declared.time]).as_py() if batch.num_rows else None
        return BronzeRound(
            table=self.declared.name,
            rows=batch.num_rows,
            files=len(files),
            version=handle.version(),
            more=more,
            newest=newest,
            troubles=tuple(troubles),
        )

    def _table(self) -> DeltaTable:
        """The table's handle, with positions as its newest commit says."""
        if self._handle is None:
            handle = DeltaTable(str(self.path))
            metadata = commits.last_metadata(self.path, handle.version())
            if metadata is None and handle.version() > 0:
                metadata = self._metadata_from_transactions(handle)
            metadata = metadata or {}
            self._positions = dict(metadata.get("chains", {}))
            self._txn = int(metadata.get("txn", 0))
            if "loaded" in metadata:
                self._loaded_at = datetime.fromisoformat(metadata["loaded"])
            self._handle = handle
        return self._handle

    def _metadata_from_transactions(self, handle: DeltaTable) -> dict[str, Any]:
        """The log's clean-up removes commits, and their metadata with them; transactions stay in
        checkpoints."""
        log.warning(
            "no commit with a position is left in the log: read from its transactions",
            extra={"table": self.declared.name},
        )
        chains = {
            chain: position
            for chain in discover(self._settings, self.source)
            if (position := handle.transaction_version(_chain_app_id(chain))) is not None
        }
        txn = handle.transaction_version(commits.app_id(self.declared)) or 0
        return {"chains": chains, "txn": txn}

    def _waiting(self, troubles: list[Trouble]) -> Iterator[ChainFile]:
        """Files to take, a file of each chain in turn, so that a backlog of one does not hold up the
        others."""
        followers = []
        for chain, folder in discover(self._settings, self.source).items():
            taken = self._positions.get(chain)
            start = beginning(folder) if taken is None else taken + 1
            if start is None:
                continue
            if (hole := self._hole(chain, folder, start)) is not None:
                troubles.append(hole)
            followers.append(follow(self.source, chain, folder, start, troubles))
        while followers:
            still = []
            for follower in followers:
                if (file := next(follower, None)) is not None:
                    yield file
                    still.append(follower)
            followers = still

    def _hole(self, chain: str, folder: Path, next_offset: int) -> Trouble | None:
        now = time.monotonic()
        if now - self._hole_checked.get(chain, -HOLE_CHECK_SECONDS) < HOLE_CHECK_SECONDS:
            return None
        self._hole_checked[chain] = now
        beyond = skipped(folder, next_offset)
        if beyond is None:
            return None
        return Trouble(
            chain=chain,
            message=f"{folder} has a file at offset {beyond}, but the one at {next_offset} is missing",
        )

    def _commit(self, handle: DeltaTable, files: Sequence[ChainFile]) -> pa.Table:
        # In the order of chains, then offsets: within a commit that is bronze's order of rows.
        ordered = sorted(files, key=lambda file: (file.chain, file.first_offset))
        loaded_at = max(datetime.now(UTC), self._loaded_at + timedelta(microseconds=1))
        rows = pa.concat_tables([file.rows for file in ordered]).combine_chunks()
        batch = self._complete(rows, loaded_at)
        positions = positions_after(self._positions, ordered)
        moved = {file.chain for file in ordered}
        txn = self._txn + 1
        metadata = {"chains": positions, "txn": txn, "loaded": loaded_at.isoformat(), "rows": batch.num_rows}
        transactions = [Transaction(commits.app_id(self.declared), txn)]
        transactions += [Transaction(_chain_app_id(chain), positions[chain]) for chain in sorted(moved)]
        write_deltalake(
            handle,
            batch,
            mode="append",
            commit_properties=CommitProperties(
                custom_metadata=commits.as_custom_metadata(metadata), app_transactions=transactions
            ),
        )
        self._positions, self._txn, self._loaded_at = positions, txn, loaded_at
        return batch

    def _complete(self, rows: pa.Table, loaded_at: datetime) -> pa.Table:
        """The landed rows with the table's own columns."""
        own = {
            self.source.date_column: pc.cast(rows[self.source.time_field], pa.date32()),
            QUALITY_FLAGS: self._flags(rows),
            LOAD_TIMESTAMP: pa.repeat(pa.scalar(loaded_at, pa.timestamp("us", "UTC")), rows.num_rows),
        }
        for name, values in own.items():
            rows = rows.append_column(name, values)
        return rows.select(self.declared.schema.names).cast(self.declared.schema)

    def _flags(self, rows: pa.Table) -> pa.Array:
        """For each row the names of the rules that it fails, in declared order."""
        failed = np.zeros((rows.num_rows, len(self.declared.rules)), dtype=bool)
        if rows.num_rows:
            conditions = {}
            for index, rule in enumerate(self.declared.rules):
                if rule.name == DUPLICATE_IN_BATCH:
                    failed[:, index] = _repeated(rows[self.source.id_field])
                else:
                    conditions[index] = f"coalesce({transpile.condition(rule.fails_when)}, false)"
            if conditions:
                self._rules.register("landed", rows)
                found = self._rules.sql(f"SELECT {', '.join(conditions.values())} FROM landed").fetchnumpy()
                self._rules.unregister("landed")
                for index, values in zip(conditions, found.values(), strict=True):
                    failed[:, index] = values
        names = pa.array([rule.name for rule in self.declared.rules], pa.string())
        offsets = np.concatenate(([0], np.cumsum(failed.sum(axis=1))))
        return pa.ListArray.from_arrays(
            pa.array(offsets, pa.int32()), names.take(pa.array(failed.nonzero()[1]))
        )


def _repeated(ids: pa.ChunkedArray) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Whether each id came before. Dictionary codes are given in order of first appearance."""
    codes = ids.combine_chunks().dictionary_encode()
    if isinstance(codes, pa.ChunkedArray):
        codes = codes.chunk(0)
    numbers = codes.indices.to_numpy(zero_copy_only=False)
    highest_before = np.maximum.accumulate(np.concatenate(([-1], numbers[:-1])))
    return np.asarray(numbers <= highest_before)


def _chain_app_id(chain: str) -> str:
    return f"dp-chain-{chain}"
