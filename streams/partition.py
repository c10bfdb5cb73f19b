"""One source partition in a worker: what waits, what is in landing, and the step from one to the other.

No Faust here. The order of a flush is the proof: landing first (put-if-absent), then the state, then the
view's file; the caller then writes the table and commits. Whatever fails after the landing file is mended by
``load``, which derives all the rest from landing again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import polars as pl
from msgspec import Struct
from msgspec.structs import replace

from contracts.errors import ContractError
from contracts.landing import LANDING
from contracts.layout import chain_folder, view_folder
from contracts.settings import Settings
from contracts.sources import Source
from streams.buckets import Bucket, decode_bucket, encode_bucket
from streams.chain import Chain, Step, no_step
from streams.frames import Accepted, landing_frame, landing_types
from streams.logic import logic_of
from streams.packing import NO_OFFSET, PackedRecord, decode
from streams.recovery import BronzeRows, no_rows, roll_forward
from streams.sessions import SessionState
from streams.view_files import write_view
from streams.views import View, ViewState, late_rule, view_of

log = logging.getLogger(__name__)


class Waiting(Struct, frozen=True):
    """A record of the internal topic that has not been flushed."""

    offset: int
    """Its offset in the internal topic."""
    size: int
    """Bytes."""
    record: PackedRecord | None
    """None: unreadable."""


class _Selection(Struct, frozen=True):
    """What becomes of the waiting records."""

    accepted: list[Accepted]
    through: int
    """The source offset that landing reaches with them."""
    hole: bool
    """Records at the end do not follow what is known; they will be sent again."""
    unreadable: int
    foreign: int


class Flushed(Struct, frozen=True, kw_only=True):
    """What one flush did."""

    records: int
    """How many of the waiting records it settled; ``settle`` takes them out."""
    rows: int
    """Rows that went to landing."""
    late: int
    foreign: int
    """Records of another topic of the same name."""
    commit: int
    """Offset of the internal topic to commit: the one after the last record that was settled; -1: none."""


class Partition:
    """State of one source partition.

    ``append`` and ``settle`` belong to one thread, ``load``, ``flush``, ``close_idle`` and ``snapshot`` to
    another, one call at a time.
    """

    def __init__(
        self,
        settings: Settings,
        source: Source,
        number: int,
        topic_id: str,
        bronze: BronzeRows = no_rows,
    ) -> None:
        self.source = source
        self.number = number
        self.topic_id = topic_id
        self.logic = logic_of(source, settings)
        self.position = NO_OFFSET
        """H: the last source offset in landing."""
        self.watermark: int | None = None
        self.waiting: list[Waiting] = []
        self.waiting_events = 0
        self.waiting_bytes = 0
        self.waiting_since = 0.0
        self.flushed_at = 0.0
        self.hole_since: float | None = None
        """When records began to be ignored because one before them is missing; Unix seconds."""
        self.unreadable = 0
        self.foreign = 0
        """Records of another incarnation of the topic, which were skipped."""
        self.flushes = 0
        self.late_events = 0
        self.batch_events = 0
        """Rows of the landing file that was written last."""
        self.open_entries = 0
        """Open windows or sessions after the last load or flush."""
        self._idle_seconds = settings.streams.idle_close_seconds
        self._rule = late_rule(source, settings)
        self._chain = Chain(chain_folder(settings, source, topic_id, number), topic_id, LANDING[source.name])
        self._view: View | None = view_of(source, settings)
        self._state: ViewState | None = self._view.make(number) if self._view else None
        self._view_root = view_folder(settings, self._view.name) if self._view else Path()
        self._older = partial(bronze, source, topic_id, number)
        self._owes_emission = False

    @property
    def has_view(self) -> bool:
        return self._state is not None

    @property
    def keeps_sessions(self) -> bool:
        """Whether its open entries are sessions, not windows."""
        return isinstance(self._state, SessionState)

    @property
    def is_due(self) -> bool:
        """Whether there is anything to flush."""
        return bool(self.waiting) or self._owes_emission

    def append(self, offset: int, data: bytes) -> None:
        """Takes a record of the internal topic. Never blocks and never fails: one that cannot be read leaves
        a hole, which is reported and sent again."""
        record: PackedRecord | None
        try:
            record = decode(data)
        except ContractError as error:
            log.error("%s/%d: record %d is unreadable: %s", self.source.name, self.number, offset, error)  # noqa: TRY400
            record = None
        if not self.waiting:
            self.waiting_since = time.monotonic()
        self.waiting.append(Waiting(offset, len(data), record))
        self.waiting_events += record.n if record else 0
        self.waiting_bytes += len(data)

    def adopt(self, other: Partition) -> None:
        """Takes over what waits in a state object that this one replaces."""
        self.waiting = other.waiting
        self.waiting_events, self.waiting_bytes = other.waiting_events, other.waiting_bytes
        self.waiting_since = other.waiting_since
        self.hole_since, self.unreadable, self.foreign = other.hole_since, other.unreadable, other.foreign
        self.flushes, self.flushed_at, self.late_events = other.flushes, other.flushed_at, other.late_events
        self.batch_events = other.batch_events

    def load(self, buckets: Mapping[int, bytes]) -> None:
        """Derives the state from landing, and from bronze where landing has been cleaned, with the table's
        buckets as a head start.

        Raises ContractError where the chain is damaged, OSError where it cannot be read.
        """
        self._chain.clean_abandoned()
        tail = self._chain.tail()
        self.position = tail.last if tail else NO_OFFSET
        self.watermark = tail.watermark if tail else None
        if self._state is None:
            return
        usable = self._usable(buckets)
        for number, bucket in usable.items():
            self._state.restore(number, bucket.content)
        if tail is not None:
            roll_forward(self._state, usable, self._chain, tail, self._rule, self._older)
        self._owes_emission = True
        self.open_entries = len(self._state)

    def flush(self, step: Step = no_step) -> Flushed:
        """Lands what waits, merges it into the view's state and writes the view's file.

        Raises ConflictError where another worker has written on (nothing has changed: load again), OSError
        where the disk refuses (load again, as landing may hold the file and the state not its rows).
        """
        records = list(self.waiting)
        selection, frame = self._readable(records)
        late = 0
        if selection.through > self.position:
            frame = frame.with_columns(self._rule.is_late(self.watermark))
            step("parsed")
            watermark = self._rule.advance(self.watermark, frame)
            self._chain.append(
                frame.select(landing_types(self.source.name).keys()),
                last=selection.through,
                after=self.position,
                watermark=watermark,
                step=step,
            )
            self.position, self.watermark = selection.through, watermark
            late = int(frame["is_late"].sum())
            self.batch_events = frame.height
            self._absorb(frame, self.position)
            step("merged")
        self._emit(step)
        self._note(selection)
        self.flushes += 1
        self.late_events += late
        self.flushed_at = time.time()
        return Flushed(
            records=len(records),
            rows=frame.height,
            late=late,
            foreign=selection.foreign,
            commit=records[-1].offset + 1 if records else NO_OFFSET,
        )

    def settle(self, flushed: Flushed) -> None:
        """Takes the records of a flush out of those that wait. To be called by the thread that appends."""
        done = self.waiting[: flushed.records]
        del self.waiting[: flushed.records]
        self.waiting_events -= sum(waiting.record.n for waiting in done if waiting.record)
        self.waiting_bytes -= sum(waiting.size for waiting in done)
        self.waiting_since = time.monotonic()

    def close_idle(self, now: float) -> int:
        """Writes final rows of what ended, with its grace, ``idle_close_seconds`` before the wall clock
        ``now`` (Unix seconds); returns how many. For a partition with no lag. Raises OSError."""
        if self._state is None or self.position == NO_OFFSET:
            return 0
        closed_before = int((now - self._idle_seconds) * 1_000_000) - self._rule.grace
        frame = self._state.emit_idle(self.position, closed_before)
        self._write_view(frame, no_step)
        return frame.height

    def snapshot(self) -> list[tuple[int, bytes]]:
        """The state's buckets as values of the table."""
        if self._state is None:
            return []
        return [
            (
                number,
                encode_bucket(Bucket(self.topic_id, self.position, self.watermark, content, self.logic)),
            )
            for number, content in self._state.snapshot()
        ]

    def _readable(self, records: list[Waiting]) -> tuple[_Selection, pl.DataFrame]:
        """What to land, as rows. A record whose payload is not what it says is set aside as unreadable."""
        selection = self._select(records)
        try:
            return selection, landing_frame(self.source, self.number, selection.accepted)
        except ContractError:
            broken = [i for i, w in enumerate(records) if w.record and not self._is_readable(w.record)]
            if not broken:
                raise
        for index in broken:
            log.error(
                "%s/%d: the payload of record %d cannot be read; it is left as a hole",
                self.source.name,
                self.number,
                records[index].offset,
            )
            records[index] = replace(records[index], record=None)
        selection = self._select(records)
        return selection, landing_frame(self.source, self.number, selection.accepted)

    def _select(self, records: Sequence[Waiting]) -> _Selection:
        accepted: list[Accepted] = []
        through, hole, unreadable, foreign = self.position, False, 0, 0
        for waiting in records:
            record = waiting.record
            if record is None:
                unreadable += 1
            elif record.topic_id != self.topic_id:
                foreign += 1
            elif record.prev > through:
                hole = True
            elif record.through > through:
                accepted.append(Accepted(record, through))
                through, hole = record.through, False
        return _Selection(accepted, through, hole, unreadable, foreign)

    def _is_readable(self, record: PackedRecord) -> bool:
        try:
            landing_frame(self.source, self.number, [Accepted(record, NO_OFFSET)])
        except ContractError:
            return False
        return True

    def _note(self, selection: _Selection) -> None:
        self.unreadable += selection.unreadable
        self.foreign += selection.foreign
        if not selection.hole:
            if selection.accepted:
                self.hole_since = None
        elif self.hole_since is None:
            self.hole_since = time.time()
            log.warning(
                "%s/%d: records after source offset %d are missing",
                self.source.name,
                self.number,
                self.position,
            )

    def _absorb(self, frame: pl.DataFrame, revision: int) -> None:
        if self._state is not None:
            self._state.absorb(frame.filter(~pl.col("is_late")))
            self._state.absorb_late(frame.filter("is_late"), revision)

    def _emit(self, step: Step) -> None:
        if self._state is not None:
            self._write_view(self._state.emit(self.position, self.watermark), step)
            step("view")
            self.open_entries = len(self._state)
        self._owes_emission = False

    def _write_view(self, frame: pl.DataFrame, step: Step) -> None:
        if frame.height and self._view is not None:
            write_view(
                self._view_root,
                self._view,
                frame,
                topic_id=self.topic_id,
                partition=self.number,
                revision=self.position,
                step=step,
            )

    def _usable(self, buckets: Mapping[int, bytes]) -> dict[int, Bucket]:
        """Buckets of this topic and logic that landing can prove; the others are as good as none."""
        usable = {}
        for number, data in buckets.items():
            bucket = decode_bucket(data)
            if bucket.logic != self.logic:
                continue
            if bucket.topic_id == self.topic_id and bucket.offset <= self.position:
                usable[number] = bucket
            elif bucket.topic_id == self.topic_id:
                log.warning(
                    "%s/%d: bucket %d includes offset %d, landing ends at %d: left out",
                    self.source.name,
                    self.number,
                    number,
                    bucket.offset,
                    self.position,
                )
        return usable
