"""Appends to one chain: when ``append`` returns its lines are on disk, and after that in the chain's head."""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import groupby
from typing import Any

from msgspec import structs

from contracts.durability import sync_folder
from contracts.settings import Settings
from lakehouse.audit import files
from lakehouse.audit.entry import CLOSED, OPENED, Entry, utc_now
from lakehouse.audit.heads import Head, chains_with_heads, claim, read_head
from lakehouse.audit.line import codes, encoded
from lakehouse.audit.texts import TextWriter, write_all
from lakehouse.audit.walk import Remains, Walk

SLICE = 64
"""After so many lines other threads may go on: a server answers meanwhile."""

Carry = Callable[[], dict[str, Any]]

log = logging.getLogger(__name__)


class ChainWriter:
    """The writer of a chain, which nobody else writes until ``close``. For one thread.

    A new process goes on after the last line of the one before. What that left of a line stays where it is.
    """

    def __init__(
        self,
        settings: Settings,
        chain: str,
        service: str,
        carry: Carry = dict,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """``carry`` tells what each day's first line has as `carried`. Raises OSError."""
        self._settings = settings
        self._by = codes(settings)
        self._head = claim(settings, chain, self._by)
        self._service = service
        self._carry = carry
        self._descriptor = -1
        self._texts: TextWriter | None = None
        self._clock = clock
        now = clock()
        self._process = f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        self._has_opened = False
        try:
            self._at, self._remains = self._found()
        except BaseException:
            self._head.close()
            raise

    @property
    def chain(self) -> str:
        return self._at.chain

    def append(self, entries: Sequence[Entry]) -> int:
        """Appends the first entries, as many as are of one day, durably; returns how many.

        Raises OSError; then it is as if nothing had been appended.
        """
        day, of_day = next(groupby(entries, self._day_of))
        chosen = list(of_day)
        self._append(day, chosen)
        return len(chosen)

    def close(self, *, in_order: bool) -> None:
        """Says that the process has stopped, where that is so and can be said."""
        try:
            if in_order and self._has_opened:
                end = Entry(action=CLOSED, at=self._clock())
                self._append(self._day_of(end), [end], closed=True)
        finally:
            self._leave_file()
            self._head.close()

    def _day_of(self, entry: Entry) -> str:
        """A clock that goes back opens no older file."""
        return max(entry.at.date().isoformat(), self._at.day)

    def _append(self, day: str, entries: Sequence[Entry], *, closed: bool = False) -> None:
        if self._remains is not None and day != self._at.day:
            self._append(self._at.day, [])  # in the file that they are in, it is told what they are
        if day != self._at.day or not self._has_opened:
            self._leave_file()
            at = entries[0].at if entries else self._clock()
            entries = [self._opening(day, at), *entries]
        if self._descriptor < 0:
            self._enter_file(day)
        assert self._texts is not None
        seq, prev = self._at.seq, self._at.hash
        lines = []
        for entry in entries:
            seq += 1
            line, prev = self._encoded(entry, seq, prev)
            lines.append(line)
            if seq % SLICE == 0:
                time.sleep(0)
        content = b"".join(lines)
        start = os.fstat(self._descriptor).st_size
        try:
            self._texts.sync()
            write_all(self._descriptor, content)
            os.fdatasync(self._descriptor)
        except OSError:
            # Nobody was told of these lines: they go, so that the file ends in a whole one.
            with suppress(OSError):
                os.ftruncate(self._descriptor, start)
            self._leave_file()
            raise
        number = self._at.line if day == self._at.day else 0
        self._at = Head(
            chain=self._at.chain,
            seq=seq,
            hash=prev,
            day=day,
            line=number + len(lines),
            offset=start + len(content),
            closed=closed,
        )
        self._has_opened = True
        self._remains = None
        try:
            self._head.move(self._at)
        except OSError:
            # The lines are kept; that they can be cut off unseen ends with the next group.
            log.exception("the head of the audit log cannot be moved")

    def _encoded(self, entry: Entry, seq: int, prev: str) -> tuple[bytes, str]:
        assert self._texts is not None
        told = {"chain": self.chain, "process": self._process, "service": self._service}
        ids = {name: self._texts.id_of(text) for name, text in entry.texts.items()}
        try:
            return encoded(entry, ids, **told, seq=seq, prev=prev, by=self._by)
        except (TypeError, ValueError) as error:  # what has no JSON must not stop the others
            log.exception("an audit entry cannot be written as it is", extra={"action": entry.action})
            plain = structs.replace(
                entry, details={"unwritable": type(error).__name__}, user=None, subject=None
            )
            return encoded(plain, ids, **told, seq=seq, prev=prev, by=self._by)

    def _opening(self, day: str, now: datetime) -> Entry:
        at, left = self._at, self._remains
        details: dict[str, Any] = {"file": files.name_of(day, self.chain), "pid": os.getpid()}
        details["why"] = "day" if self._has_opened else "start"
        if at.seq:
            details["follows"] = {"file": files.name_of(at.day, self.chain), "line": at.line, "seq": at.seq}
        if left is not None:
            details["torn" if left.torn else "foreign"] = left.told()
        if others := self._others():
            details["heads"] = others
        if carried := self._carry():
            details["carried"] = carried
        return Entry(action=OPENED, details=details, at=now)

    def _others(self) -> dict[str, int]:
        """How far the other chains have come: none of them can go back unseen."""
        heads = {
            chain: read_head(self._settings, chain, self._by)
            for chain in chains_with_heads(self._settings)
            if chain != self.chain
        }
        return {chain: head.seq for chain, head in heads.items() if head is not None and head.seq}

    def _enter_file(self, day: str) -> None:
        path = files.lines_path(self._settings, day, self.chain)
        for folder in (path.parent.parent, path.parent):  # a data root that has gone away is not made anew
            folder.mkdir(exist_ok=True)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        self._texts = TextWriter(files.texts_path(self._settings, day, self.chain))
        for folder in (path.parent, path.parent.parent):
            sync_folder(folder)

    def _leave_file(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._texts is not None:
            self._texts.close()
            self._texts = None

    def _found(self) -> tuple[Head, Remains | None]:
        """Where the chain ends: at its head, or where a process died between a line and the head, behind it.

        What somebody did to the lines before is no reason not to write: ``verify`` tells of it.
        """
        at = self._head.head
        walk = Walk(self._by, at.chain, at.seq, at.hash)
        for day in files.days_of(self._settings, at.chain, at.day):
            is_same = day == at.day
            walk.enter(files.name_of(day, at.chain), at.line if is_same else 0)
            with open(files.lines_path(self._settings, day, at.chain), "rb") as file:
                if is_same and file.seek(0, os.SEEK_END) < at.offset:
                    log.error("the audit log has been cut", extra={"file": file.name, "bytes": at.offset})
                    continue
                file.seek(at.offset if is_same else 0)
                for raw in file:
                    walk.see(raw)
                    if walk.fault is not None:
                        log.error("the audit log has been changed: %s", walk.fault)
                        return self._behind(walk, day), walk.remains
            at = self._behind(walk, day)
        return at, walk.remains

    def _behind(self, walk: Walk, day: str) -> Head:
        """The head that the walk's last line should have had."""
        line = walk.place[1] - (walk.remains is not None)
        return Head(chain=walk.chain, seq=walk.seq, hash=walk.hash, day=day, line=line)
