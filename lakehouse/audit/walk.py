"""Follows one chain line by line, and finds the first that does not belong.

What a killed process leaves is told from what somebody did: it is a piece of a line, beyond the chain's head,
and the process that comes after writes its first line right behind it and says in it which bytes it found.
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import msgspec
from msgspec import Struct

from lakehouse.audit.entry import OPENED
from lakehouse.audit.line import FIRST, Codes, Links, decoder, links

Kind = Literal["changed", "inserted", "removed", "moved", "truncated", "lost head", "rolled back"]
CHANGED = "this line is not as it was written"
INSERTED = "this line is none of ours"
_OPENING = f'{{"action":"{OPENED}"'.encode()


class Fault(Struct, frozen=True, kw_only=True):
    """The first line of a chain that is not as it was written, or the place where one is missing."""

    file: str
    """Relative to the log's folder."""
    line: int
    """Its number in the file, from 1."""
    kind: Kind
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class Remains(Struct, frozen=True, kw_only=True):
    """Bytes in a row that are no line of ours."""

    file: str
    line: int
    bytes: int
    sha256: str
    torn: bool
    """Whether a killed process can have left them. They say nothing then, whoever left them."""

    def told(self) -> dict[str, Any]:
        """As the first line after them tells of them."""
        return {"bytes": self.bytes, "sha256": self.sha256}


class Walk:
    """How far a chain has been followed. ``seq`` and ``hash`` are those of its last line that is right."""

    def __init__(self, by: Codes, chain: str, seq: int | None = 0, hash: str = FIRST) -> None:
        """``seq`` None: the first line is believed wherever it begins; ``begins`` then has its number."""
        self.chain = chain
        self.seq = seq or 0
        self.hash = hash
        self.begins = 0
        self.lines = 0
        """Lines that were right."""
        self.fault: Fault | None = None
        self.crashes: list[Remains] = []
        """What killed processes left behind."""
        self.content = b""
        """The last right line, as it is stored."""
        self.opened: dict[str, Any] = {}
        """`details` of the last line that began a process or a day."""
        self._by = by
        self._believes = seq is None
        self._file = ""
        self._number = 0
        self._is_first = True
        self._before = ("", 0)
        self._foreign: _Foreign | None = None

    def enter(self, file: str, number: int = 0) -> None:
        """The lines that come now are of ``file``, after its line ``number``."""
        self._before = self.place
        self._file, self._number, self._is_first = file, number, number == 0

    @property
    def place(self) -> tuple[str, int]:
        """File and number of the line that was seen last."""
        return self._file, self._number

    @property
    def remains(self) -> Remains | None:
        """What stands after the last right line."""
        return self._foreign.remains() if self._foreign else None

    def see(self, raw: bytes) -> Links | None:
        """The next line, with its newline where it has one; what it says if it is right."""
        self._number += 1
        content = raw[:-1]
        if raw[-1:] != b"\n" or not self._by.proven(content):
            content = self._without_remains(raw)
            if not content:
                return None
        line = links.decode(content)
        if line.chain != self.chain:
            self._fault("inserted", f"this line is of the chain {line.chain}")
            if self._foreign is not None:
                self._after_foreign(line)
            return None
        if line.action == OPENED:
            if not self._opens(line, decoder.decode(content).details):
                return None
        elif self._foreign is not None:
            self._after_foreign(line)
            return None
        elif self._is_first:
            self._misplaced(line)
            return None
        if line.seq <= self.seq:
            self._fault("inserted", f"this is number {line.seq} again")
        elif line.seq > self.seq + 1:
            self._fault("removed", f"{numbers(self.seq + 1, line.seq - 1)} should stand here")
        elif line.prev != self.hash:
            self._fault("inserted", "this line does not follow the one before it")
        else:
            self.seq, self.hash, self.content = line.seq, content[-66:-2].decode(), content
            self.lines += 1
            self._is_first = False
            return line
        return None

    def _without_remains(self, raw: bytes) -> bytes:
        """A process's first line that stands behind what a killed one left; else all is kept as foreign."""
        if self._foreign is not None and self._foreign.file != self._file:
            self.fault = self._foreign.fault("changed", CHANGED)
            return b""
        if self._foreign is None:
            self._foreign = _Foreign(self._file, self._number)
        start = raw.rfind(_OPENING)
        if start > 0 and raw[-1:] == b"\n" and self._by.proven(raw[start:-1]):
            self._foreign.add(raw[:start], whole=self._by.proven(raw[:start]))
            return raw[start:-1]
        self._foreign.add(raw, whole=self._by.proven(raw))
        return b""

    def _opens(self, line: Links, details: dict[str, Any]) -> bool:
        """Whether a process's or day's first line is in its file and tells of what stands before it."""
        follows = details.get("follows") or {}
        if self._believes and follows.get("file") == self._file:
            self._misplaced(line)
            return False
        if self._believes:
            self._believes = False
            self.begins, self.seq, self.hash = line.seq, line.seq - 1, line.prev
        left = self.remains
        if left is not None and not (
            left.torn and left.file == self._file and details.get("torn") == left.told()
        ):
            self._after_foreign(line)
            return False
        if (file := details.get("file")) != self._file:
            if self._is_first and file == self._before[0]:
                self._misplaced(line)
            else:
                self._fault("moved", f"this line was written to {file}")
            return False
        if self._is_first and line.seq > self.seq + 1:
            self._lacks(line, follows)
            return False
        if left is not None:
            self.crashes.append(left)
            self._foreign = None
        self.opened = details
        return True

    def _lacks(self, line: Links, follows: dict[str, Any]) -> None:
        """A file does not follow the one before it: that, or one between, has been cut or removed."""
        missing = numbers(self.seq + 1, line.seq - 1)
        file, number = self._before
        if follows.get("file") in (file, None):
            message = f"the file ends without {missing}"
            self.fault = Fault(file=file or self._file, line=number + 1, kind="truncated", message=message)
        else:
            message = f"the file is gone, and {missing} with it"
            self.fault = Fault(file=follows["file"], line=1, kind="truncated", message=message)

    def _misplaced(self, line: Links) -> None:
        """A file begins with a line that began none."""
        file, number = self._before
        if file and line.seq == self.seq + 1:
            message = f"{numbers(line.seq, line.seq)} should stand here, and stands in {self._file}"
            self.fault = Fault(file=file, line=number + 1, kind="moved", message=message)
        else:
            self._fault("removed", f"the file began with another line; this is number {line.seq}")

    def _after_foreign(self, line: Links) -> None:
        assert self._foreign is not None
        if line.seq == self.seq + 1:
            self.fault = self._foreign.fault("inserted", INSERTED)
        else:
            self.fault = self._foreign.fault("changed", CHANGED)

    def _fault(self, kind: Kind, message: str) -> None:
        self.fault = Fault(file=self._file, line=self._number, kind=kind, message=message)


class _Foreign:
    """Lines in a row that are none of ours; the last may be a piece."""

    def __init__(self, file: str, line: int) -> None:
        self.file = file
        self._line = line
        self._bytes = 0
        self._sha = hashlib.sha256()
        self._starts = b""
        self._has_newline = False
        self._says = False

    def add(self, raw: bytes, *, whole: bool) -> None:
        """``whole``: it is a line of ours that lacks nothing but its newline."""
        self._starts = self._starts or raw[:1]
        self._has_newline = self._has_newline or raw.endswith(b"\n")
        self._says = self._says or (not whole and _is_object(raw))
        self._sha.update(raw)
        self._bytes += len(raw)

    def remains(self) -> Remains:
        # A disk that went down may have blocks of nothing before one that was written.
        cut = not self._has_newline or self._starts == b"\0"
        return Remains(
            file=self.file,
            line=self._line,
            bytes=self._bytes,
            sha256=self._sha.hexdigest(),
            torn=cut and not self._says,
        )

    def fault(self, kind: Kind, message: str) -> Fault:
        return Fault(file=self.file, line=self._line, kind=kind, message=message)


def numbers(first: int, last: int) -> str:
    """Lines by their ``seq``, for people."""
    return f"line number {first}" if first >= last else f"line numbers {first} to {last}"


def _is_object(raw: bytes) -> bool:
    """Whether somebody could take it for a line."""
    try:
        return isinstance(msgspec.json.decode(raw), dict)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
