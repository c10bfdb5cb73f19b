"""Entries as they were told, newest first or as they come. Nothing is proven here: that is `verify`."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from msgspec import Struct, field

from contracts.layout import audit_folder
from contracts.settings import Settings
from lakehouse.audit import files
from lakehouse.audit.line import Line, decoder
from lakehouse.audit.texts import texts_in

BLOCK = 256 * 1024
WRITING = timedelta(minutes=1)
"""A line may lie in the file of another day than its own by so little: it waited, or a clock was set."""


class Recorded(Struct, kw_only=True, omit_defaults=True):
    """One entry of the audit log."""

    at: datetime
    action: str
    user: str | None = None
    """Who asked for it; left out: the service itself."""
    subject: str | None = None
    """The table, key or job that it is about."""
    details: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, str | None] = field(default_factory=dict)
    """Statement, path, reason; null: redacted."""
    service: str = ""
    process: str = ""
    chain: str = ""
    seq: int = 0
    """Its number in the chain."""


class Wanted(Struct, frozen=True, kw_only=True):
    """Which entries are asked for: those that have all of it. Times are UTC."""

    since: datetime | None = None
    until: datetime | None = None
    """Before it."""
    action: str | None = None
    """As a shell pattern: `table.*`."""
    user: str | None = None
    table: str | None = None
    """The subject, or one of the tables that a query read."""
    details: dict[str, str] = {}
    """Name → value, as text."""

    def takes(self, line: Line) -> bool:
        if self.since is not None and line.at < self.since:
            return False
        if self.until is not None and line.at >= self.until:
            return False
        if self.user is not None and line.user != self.user:
            return False
        if self.action is not None and not fnmatchcase(line.action, self.action):
            return False
        if self.table not in (None, line.subject, *line.details.get("tables", ())):
            return False
        return all(_text_of(line, name) == value for name, value in self.details.items())

    def can_hold(self, day: str) -> bool:
        """Whether a day's files can have such entries."""
        start = datetime.combine(files.day_of(day), datetime.min.time(), UTC)
        if self.since is not None and start + timedelta(days=1) + WRITING <= self.since:
            return False
        return self.until is None or start - WRITING < self.until


EVERYTHING = Wanted()


def newest(settings: Settings, wanted: Wanted = EVERYTHING, limit: int = 100) -> list[Recorded]:
    """The last entries that are wanted, newest first. Reads back from the end, as far as is needed."""
    found: list[tuple[str, Line]] = []
    for day in reversed(files.days(settings)):
        if not wanted.can_hold(day):
            continue
        paths = [path for path in (audit_folder(settings) / day).iterdir() if path.name.endswith(files.LINES)]
        of_day = heapq.merge(*(_backwards(path, wanted) for path in paths), key=_time, reverse=True)
        found += ((day, line) for line in islice(of_day, limit - len(found)))
        if len(found) >= limit:
            break
    return _told(settings, found)


class Follower:
    """What is added to the log after it was made."""

    def __init__(self, settings: Settings, wanted: Wanted) -> None:
        self._settings = settings
        self._wanted = wanted
        self._files: dict[Path, _Growing] = {}
        for day in files.days(settings):
            self._look(day, at_end=True)

    def entries(self) -> list[Recorded]:
        """Those since the last call, in the order of their time."""
        for day in files.days(self._settings)[-2:]:
            self._look(day, at_end=False)
        found = []
        for path, growing in self._files.items():
            for raw in growing.lines():
                line = _decoded(raw)
                if line is not None and self._wanted.takes(line):
                    found.append((path.parent.name, line))
        return _told(self._settings, sorted(found, key=lambda one: _time(one[1])))

    def close(self) -> None:
        for growing in self._files.values():
            growing.file.close()

    def _look(self, day: str, *, at_end: bool) -> None:
        for path in (audit_folder(self._settings) / day).glob(f"*{files.LINES}"):
            if path not in self._files:
                self._files[path] = _Growing(path, at_end=at_end)


class _Growing:
    def __init__(self, path: Path, *, at_end: bool) -> None:
        self.file: BinaryIO = open(path, "rb")  # noqa: SIM115  # until the follower is closed
        self._rest = b""
        if at_end:
            self.file.seek(0, os.SEEK_END)

    def lines(self) -> list[bytes]:
        *whole, self._rest = (self._rest + self.file.read()).split(b"\n")
        return whole


def _backwards(path: Path, wanted: Wanted) -> Iterator[Line]:
    """Wanted lines of a file, the last first."""
    needle = b'"user":%b' % msgspec.json.encode(wanted.user) if wanted.user is not None else b""
    with open(path, "rb") as file:
        position = file.seek(0, os.SEEK_END)
        rest = b""
        while position or rest:
            step = min(BLOCK, position)
            position -= step
            file.seek(position)
            first, *lines = (file.read(step) + rest).split(b"\n")
            rest = first if position else b""
            for raw in reversed(lines if position else [first, *lines]):
                if needle in raw and (line := _decoded(raw)) is not None and wanted.takes(line):
                    yield line


def _decoded(raw: bytes) -> Line | None:
    try:
        return decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _behind_remains(raw)


def _behind_remains(raw: bytes) -> Line | None:
    """A process's first line stands right behind what a killed one left."""
    start = raw.rfind(b'{"action":"')
    try:
        return decoder.decode(raw[start:]) if start > 0 else None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _told(settings: Settings, found: Iterable[tuple[str, Line]]) -> list[Recorded]:
    """With their texts, of which each file is read once."""
    chosen = list(found)
    asked: dict[tuple[str, str], set[str]] = {}
    for day, line in chosen:
        if line.texts:
            asked.setdefault((day, line.chain), set()).update(line.texts.values())
    texts = {
        (place, text.id): text.text
        for place, ids in asked.items()
        for _, _, text in texts_in(files.texts_path(settings, *place))
        if text.id in ids
    }
    return [
        Recorded(
            at=line.at,
            action=line.action,
            user=line.user,
            subject=line.subject,
            details=line.details,
            texts={name: texts.get(((day, line.chain), id)) for name, id in line.texts.items()},
            service=line.service,
            process=line.process,
            chain=line.chain,
            seq=line.seq,
        )
        for day, line in chosen
    ]


def _text_of(line: Line, name: str) -> str | None:
    value = (
        getattr(line, name) if name in ("service", "process", "chain", "subject") else line.details.get(name)
    )
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def _time(line: Line) -> datetime:
    return line.at
