"""Landing → bronze: what the chains have beyond the table's own commit is appended, in one commit with the
position.

Exactly once without any state beside the table: a crash before the commit leaves nothing that counts, and a
commit says itself how far each chain has been taken.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from msgspec import Struct

from contracts.errors import DependencyError, SchemaMismatch
from contracts.layout import chain_file_name
from contracts.platform import Landed, landed_named, landing_schema
from contracts.settings import Settings
from lakehouse.datasets import Dataset, FromChain
from lakehouse.datasets.declaration import DUPLICATE_IN_BATCH, LOAD_TIMESTAMP, QUALITY_FLAGS
from lakehouse.medallion import scratch
from lakehouse.medallion.chains import (
    QUARANTINE,
    ChainFile,
    Gap,
    Trouble,
    beginning,
    discover,
    follow,
    foreign_files,
    positions_after,
    read_file,
    set_aside,
    skipped,
)
from lakehouse.medallion.refusal import condition_of
from lakehouse.models import transpile
from lakehouse.persons.tombstones import Tombstones
from lakehouse.storage import commits, tables
from lakehouse.storage.evolution import Extras, with_columns

ROUND_ROWS = 500_000
"""A commit takes no further file once it has this many rows …"""
ROUND_BYTES = 64 * 1024**2
"""… or files of this many bytes."""
HOLE_CHECK_SECONDS = 60.0
"""How often the folder of a chain is listed for what is not found by name: files beyond a missing one, and
files that are none of the chain."""

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
        self.build: FromChain = declared.build
        self.source: Landed = landed_named(declared.build.source)
        self.path: Path = tables.create(settings, declared)
        self._settings = settings
        self._rules = scratch.session()
        self._tombstones = Tombstones(settings)
        self._handle: DeltaTable | None = None
        self._positions: dict[str, int] = {}
        self._gaps: list[Gap] = []
        """What the chains have passed over; taken when the file is there after all."""
        self._extras: Extras = {}
        """Columns of the table beyond the declared ones."""
        self._txn = 0
        self._loaded_at = datetime.min.replace(tzinfo=UTC)
        self._hole_checked: dict[str, float] = {}

    @property
    def version(self) -> int:
        """Newest version of the table."""
        return int(self._table().version())

    @property
    def positions(self) -> Mapping[str, int]:
        """The last offset of each chain that the table has."""
        self._table()
        return self._positions

    @property
    def gaps(self) -> Sequence[Gap]:
        """What its chains have passed over."""
        self._table()
        return self._gaps

    def forget(self) -> None:
        """The table is read anew before the next round: somebody else has committed to it."""
        self._handle = None

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
        passed: list[Gap] = []
        extras = dict(self._extras)
        for file in self._waiting(troubles, passed, extras):
            files.append(file)
            rows += file.rows.num_rows
            size += file.size
            if rows >= max_rows or size >= max_bytes:
                more = True
                break
        if not files:
            return BronzeRound(table=self.declared.name, version=handle.version(), troubles=tuple(troubles))
        try:
            batch = self._commit(handle, files, passed, extras)
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
            self._gaps = [
                Gap(chain=chain, first=first, last=last) for chain, first, last in metadata.get("gaps", ())
            ]
            self._extras = tables.extra_columns(handle, self.declared)
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

    def _waiting(self, troubles: list[Trouble], passed: list[Gap], extras: Extras) -> Iterator[ChainFile]:
        """Files to take, those that fill gaps first, then a file of each chain in turn, so that a backlog of
        one does not hold up the others."""
        chains = discover(self._settings, self.source)
        yield from self._filling(chains, troubles, extras)
        followers = []
        for chain, folder in chains.items():
            taken = self._positions.get(chain)
            start = beginning(folder) if taken is None else taken + 1
            if start is None:
                continue
            troubles += self._looked_at(chain, folder, start)
            followers.append(follow(self.source, chain, folder, start, troubles, passed, extras))
        while followers:
            still = []
            for follower in followers:
                if (file := next(follower, None)) is not None:
                    yield file
                    still.append(follower)
            followers = still

    def _filling(
        self, chains: dict[str, Path], troubles: list[Trouble], extras: Extras
    ) -> Iterator[ChainFile]:
        """Files that were set aside, or their like, and have come back to where the chain passed over."""
        for gap in self._gaps:
            folder = chains.get(gap.chain)
            if folder is None:
                continue
            path = folder / chain_file_name(gap.first)
            try:
                file = read_file(self.source, gap.chain, path, gap.first, extras)
                if file.last_offset > gap.last:
                    raise SchemaMismatch(f"{path} ends at {file.last_offset}, beyond {gap.last}")
            except FileNotFoundError:
                message = f"passed over {gap.first} to {gap.last} of {folder}: put a good {path.name} there"
                troubles.append(Trouble(chain=gap.chain, message=message))
            except SchemaMismatch as error:
                troubles.append(Trouble(chain=gap.chain, message=set_aside(path, str(error)), fresh=True))
            except DependencyError as error:
                troubles.append(Trouble(chain=gap.chain, message=str(error)))
            else:
                yield file

    def _looked_at(self, chain: str, folder: Path, next_offset: int) -> Iterator[Trouble]:
        """What a listing of the folder finds, now and then."""
        now = time.monotonic()
        if now - self._hole_checked.get(chain, -HOLE_CHECK_SECONDS) < HOLE_CHECK_SECONDS:
            return
        self._hole_checked[chain] = now
        for path in foreign_files(folder):
            reason = "its name is none of a chain"
            yield Trouble(chain=chain, message=set_aside(path, reason), fresh=True)
        beyond = skipped(folder, next_offset)
        if beyond is not None and not (folder / QUARANTINE / chain_file_name(next_offset)).exists():
            yield Trouble(
                chain=chain,
                message=f"{folder} has a file at offset {beyond}, but the one at {next_offset} is missing",
            )

    def _commit(
        self, handle: DeltaTable, files: Sequence[ChainFile], passed: list[Gap], extras: Extras
    ) -> pa.Table:
        # In the order of chains, then offsets: within a commit that is bronze's order of rows.
        ordered = sorted(files, key=lambda file: (file.chain, file.first_offset))
        self._add_columns(handle, extras)
        loaded_at = max(datetime.now(UTC), self._loaded_at + timedelta(microseconds=1))
        landed = [*landing_schema(self.source), *(pa.field(name, kind) for name, kind in extras.items())]
        rows = pa.concat_tables([with_columns(file.rows, landed) for file in ordered]).combine_chunks()
        batch = self._complete(self._tombstones.without_erased(rows), loaded_at)
        positions = positions_after(self._positions, ordered)
        gaps = _left([*self._gaps, *passed], ordered, positions)
        moved = {file.chain for file in ordered}
        txn = self._txn + 1
        metadata = {"chains": positions, "txn": txn, "loaded": loaded_at.isoformat(), "rows": batch.num_rows}
        if self.declared.layer != "bronze":
            metadata |= commits.changes(_hours(batch[self.declared.time]))
        if gaps:
            metadata["gaps"] = [[gap.chain, gap.first, gap.last] for gap in gaps]
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
        self._positions, self._txn, self._loaded_at, self._gaps = positions, txn, loaded_at, gaps
        return batch

    def _add_columns(self, handle: DeltaTable, extras: Extras) -> None:
        """Makes the table take columns that landing has from now on."""
        fresh = {name: kind for name, kind in extras.items() if name not in self._extras}
        if not fresh:
            return
        tables.add_columns(handle, self.path, fresh)
        log.warning(
            "landing has new columns: the table has them from now on",
            extra={"table": self.declared.name, "columns": sorted(fresh)},
        )
        self._extras = {**self._extras, **fresh}

    def _complete(self, rows: pa.Table, loaded_at: datetime) -> pa.Table:
        """The landed rows with the table's own columns."""
        own = {
            self.source.date_column: pc.cast(rows[self.source.time_field], pa.date32()),
            LOAD_TIMESTAMP: pa.repeat(pa.scalar(loaded_at, pa.timestamp("us", "UTC")), rows.num_rows),
        }
        if self.build.quality_flags:
            own[QUALITY_FLAGS] = self._flags(rows)
        for name, values in own.items():
            rows = rows.append_column(name, values)
        added = [pa.field(name, kind) for name, kind in self._extras.items()]
        schema = pa.schema([*self.declared.schema, *added])
        return rows.select(schema.names).cast(schema)

    def _flags(self, rows: pa.Table) -> pa.Array:
        """For each row the names of the rules that it fails, in declared order."""
        failed = np.zeros((rows.num_rows, len(self.declared.rules)), dtype=bool)
        if rows.num_rows:
            conditions = {}
            for index, rule in enumerate(self.declared.rules):
                if rule.name == DUPLICATE_IN_BATCH:
                    failed[:, index] = _repeated(rows[self.source.id_field])
                else:
                    failing = transpile.condition(condition_of(self.declared, rule))
                    conditions[index] = f"coalesce({failing}, false)"
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


def _hours(times: pa.ChunkedArray) -> set[tuple[date, int]]:
    """UTC date and hour of each time."""
    starts = pc.unique(pc.floor_temporal(times, unit="hour"))
    return {(start.date(), start.hour) for start in starts.to_pylist()}


def _chain_app_id(chain: str) -> str:
    return f"dp-chain-{chain}"


def _left(gaps: Sequence[Gap], files: Sequence[ChainFile], positions: dict[str, int]) -> list[Gap]:
    """What is still to be filled of ``gaps`` once ``files`` are taken. A gap that the chain has not passed
    after all is none."""
    ends = {(file.chain, file.first_offset): file.last_offset for file in files}
    left = []
    for gap in gaps:
        filled = ends.get((gap.chain, gap.first))
        if filled is not None and filled < gap.last:
            left.append(Gap(chain=gap.chain, first=filled + 1, last=gap.last))
        elif filled is None and positions.get(gap.chain, -1) > gap.last:
            left.append(gap)
    return left
