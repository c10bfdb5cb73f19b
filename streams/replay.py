"""Rebuilds a view's files from the rows that have landed, after a change of logic. Landing stays as it is.

The rows go through the view's own state, in the order of source offsets and with the files' own boundaries,
as if a worker of today's logic had flushed there. Rows that landing no longer has come from bronze, in runs
of ``RUN_ROWS``. What is new is written beside the view first and then moved in; then the files that were
there before are removed. A rebuild that was interrupted is mended by running it again.

Workers may run on, if their logic is the same: what they add carries revisions above those that are rebuilt,
and the reading rule takes the highest. A worker of other logic is refused.
"""

from __future__ import annotations

import logging
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
from msgspec import Struct

from contracts.durability import sync_folder
from contracts.errors import ConflictError, NotFound
from contracts.heartbeat import FRESH_SECONDS, read_heartbeats
from contracts.landing import LANDING
from contracts.layout import chains_root, view_folder
from contracts.settings import Settings
from contracts.sources import SOURCES, Source
from contracts.view_lock import rewriting
from streams.chain import Chain, ChainFile
from streams.logic import logic_of
from streams.packing import NO_OFFSET
from streams.view_files import write_view
from streams.views import View, ViewState, late_rule, view_of

log = logging.getLogger(__name__)

RUN_ROWS = 200_000
"""Rows of bronze that are taken as one file of landing would be."""
EMIT_ROWS = 1_000_000
"""The view's rows are written out after so many rows at least, to bound memory."""
MARGIN = timedelta(days=1)
"""Rows of the day before and after are read too: a session may begin or end there."""

BronzeRows = Callable[[str, int, int], Iterator[pl.DataFrame]]
"""(topic id, partition, offset) → the rows below that source offset that landing no longer has, in order of
offsets, in frames of any size."""
Progress = Callable[["Rebuilt"], None]


class Rebuilt(Struct, kw_only=True):
    """What a rebuild has done so far."""

    view: str
    first_day: date
    last_day: date | None
    """None: to the end."""
    chains: int = 0
    """Source partitions gone through."""
    chains_total: int = 0
    rows_read: int = 0
    rows_from_bronze: int = 0
    rows_written: int = 0
    files_written: int = 0
    files_removed: int = 0
    dry_run: bool = False


class _Batch(Struct, frozen=True):
    """Rows up to a source offset, and the watermark after them where a file says it."""

    rows: pl.DataFrame
    last: int
    watermark: int | None
    from_bronze: bool


def rebuild(
    settings: Settings,
    source: Source,
    start: datetime,
    end: datetime | None,
    bronze: BronzeRows,
    *,
    dry_run: bool = False,
    on_progress: Progress = lambda done: None,
) -> Rebuilt:
    """Rebuilds the source's view for the whole UTC days from ``start``'s to ``end``'s (default: the last).

    With ``dry_run`` everything is computed and nothing replaced. Raises NotFound for a source without a view,
    ConflictError where a worker runs with other logic or somebody else rewrites the view, ContractError for
    a damaged chain, OSError.
    """
    view = view_of(source, settings)
    if view is None:
        known = ", ".join(other.name for other in SOURCES if view_of(other, settings))
        raise NotFound(f"{source.name} has no view to rebuild; sources with views: {known}")
    last_day = end.astimezone(UTC).date() if end else None
    done = Rebuilt(view=view.name, first_day=start.astimezone(UTC).date(), last_day=last_day, dry_run=dry_run)
    _refuse_other_logic(settings, source)
    root = view_folder(settings, view.name)
    staging = settings.outputs_root / f".replay-{view.name}-{uuid.uuid4().hex[:12]}"
    with rewriting(settings, view.name):
        for abandoned in settings.outputs_root.glob(f".replay-{view.name}-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        # Listed before the chains are read: what is added from here on is newer than what is rebuilt.
        old = [path for path in root.glob("date=*/topic_id=*/*.parquet") if _in_range(path, done)]
        try:
            chains = list(_chains(settings, source))
            done.chains_total = len(chains)
            for chain, partition in chains:
                _Rebuilder(settings, source, view, staging, done, on_progress).run(chain, partition, bronze)
                done.chains += 1
                on_progress(done)
            _refuse_other_logic(settings, source)
            done.files_removed = len(old)
            if not dry_run:
                _replace(staging, root, old)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return done


class _Rebuilder:
    """One chain through a fresh state of the view."""

    def __init__(
        self,
        settings: Settings,
        source: Source,
        view: View,
        staging: Path,
        done: Rebuilt,
        on_progress: Progress,
    ) -> None:
        self._settings = settings
        self._source = source
        self._view = view
        self._staging = staging
        self._done = done
        self._on_progress = on_progress
        self._rule = late_rule(source, settings)
        first = datetime.combine(done.first_day, datetime.min.time(), UTC)
        self._from = first - MARGIN
        self._to = (
            None
            if done.last_day is None
            else datetime.combine(done.last_day, datetime.max.time(), UTC) + MARGIN
        )

    def run(self, chain: Chain, partition: int, bronze: BronzeRows) -> None:
        state = self._view.make(partition)
        position, watermark, waiting = NO_OFFSET, None, 0
        tail: ChainFile | None = None
        for batch in self._batches(chain, partition, bronze):
            late = self._rule.is_late(watermark)
            rows = batch.rows.with_columns(late)
            state.absorb(rows.filter(~pl.col("is_late")))
            state.absorb_late(rows.filter("is_late"), batch.last)
            advanced = self._rule.advance(watermark, rows) if batch.watermark is None else batch.watermark
            watermark = advanced if watermark is None else max(watermark, advanced or watermark)
            position = batch.last
            self._done.rows_read += rows.height
            self._done.rows_from_bronze += rows.height if batch.from_bronze else 0
            waiting += rows.height
            if waiting >= EMIT_ROWS:
                waiting = 0
                self._write(state.emit(position, watermark), chain, partition, position)
            self._on_progress(self._done)
        if position == NO_OFFSET:
            return
        self._write(state.emit(position, watermark), chain, partition, position)
        tail = chain.tail()
        if tail is not None and tail.last == position:
            self._close_idle(state, tail, chain, partition)

    def _close_idle(self, state: ViewState, tail: ChainFile, chain: Chain, partition: int) -> None:
        """As a worker does, for a partition in which nothing has come for a while."""
        idle = self._settings.streams.idle_close_seconds
        now = time.time()
        if now - tail.path.stat().st_mtime >= idle:
            before = int((now - idle) * 1_000_000) - self._rule.grace
            self._write(state.emit_idle(tail.last, before), chain, partition, tail.last)

    def _batches(self, chain: Chain, partition: int, bronze: BronzeRows) -> Iterator[_Batch]:
        files = chain.files_above(NO_OFFSET)
        first = next(files, None)
        if first is None:
            return
        if first.first > 0:
            for run in _runs(bronze(chain.topic_id, partition, first.first)):
                rows = self._wanted(run)
                yield _Batch(rows, int(run["source_offset"][-1]), self._rule.advance(None, run), True)
        columns = LANDING[self._source.name].names
        while first is not None:
            if self._overlaps(first.path):
                rows = self._wanted(pl.read_parquet(first.path, hive_partitioning=False, columns=columns))
            else:
                rows = pl.DataFrame(schema=dict(pl.Schema(LANDING[self._source.name])))
            yield _Batch(rows, first.last, first.watermark, False)
            first = next(files, None)

    def _wanted(self, rows: pl.DataFrame) -> pl.DataFrame:
        time_field = pl.col(self._source.time_field)
        rows = rows.filter(time_field >= self._from)
        return rows if self._to is None else rows.filter(time_field <= self._to)

    def _overlaps(self, path: Path) -> bool:
        """Whether a file can hold rows of the days that are read, by its statistics."""
        metadata = pq.read_metadata(path)
        column = metadata.schema.names.index(self._source.time_field)
        for group in range(metadata.num_row_groups):
            statistics: Any = metadata.row_group(group).column(column).statistics
            if statistics is None or not statistics.has_min_max:
                return True
            low, high = _utc(statistics.min), _utc(statistics.max)
            if high >= self._from and (self._to is None or low <= self._to):
                return True
        return False

    def _write(self, frame: pl.DataFrame, chain: Chain, partition: int, revision: int) -> None:
        day = pl.col(self._view.date_field).dt.date()
        frame = frame.filter(day >= self._done.first_day)
        if self._done.last_day is not None:
            frame = frame.filter(day <= self._done.last_day)
        if frame.height == 0:
            return
        self._done.rows_written += frame.height
        if self._done.dry_run:
            self._done.files_written += frame.select(day.n_unique()).item()
            return
        written = write_view(
            self._staging,
            self._view,
            frame,
            topic_id=chain.topic_id,
            partition=partition,
            revision=revision,
        )
        self._done.files_written += len(written)


def _refuse_other_logic(settings: Settings, source: Source) -> None:
    wanted = logic_of(source, settings)
    limit = time.time() - FRESH_SECONDS
    for beat in read_heartbeats(settings).values():
        has = beat.details.get("logic", {}).get(source.name)
        if has is not None and has != wanted and beat.at >= limit:
            raise ConflictError(
                f"{beat.service} still makes the view by other logic ({has}, here {wanted}): restart it "
                "with these settings first"
            )


def _chains(settings: Settings, source: Source) -> Iterator[tuple[Chain, int]]:
    """Every chain of the source, with its partition."""
    for folder in sorted(chains_root(settings, source).glob("topic_id=*/partition=*")):
        topic_id = folder.parent.name.removeprefix("topic_id=")
        yield (
            Chain(folder, topic_id, LANDING[source.name]),
            int(folder.name.removeprefix("partition=")),
        )


def _runs(frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    for frame in frames:
        yield from (part for part in frame.iter_slices(RUN_ROWS) if part.height)


def _in_range(path: Path, done: Rebuilt) -> bool:
    try:
        day = date.fromisoformat(path.parent.parent.name.removeprefix("date="))
    except ValueError:
        return False
    return not path.name.startswith(".") and done.first_day <= day <= (done.last_day or date.max)


def _replace(staging: Path, root: Path, old: list[Path]) -> None:
    """Readers see the old and the new files side by side for a moment; the rule counts no key twice."""
    folders = set()
    for path in staging.glob("date=*/topic_id=*/*.parquet"):
        folder = root / path.relative_to(staging).parent
        folder.mkdir(parents=True, exist_ok=True)
        path.rename(folder / path.name)
        folders.add(folder)
    for folder in folders:
        sync_folder(folder)
    for path in old:
        path.unlink(missing_ok=True)
    for folder in {path.parent for path in old}:
        sync_folder(folder)


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
