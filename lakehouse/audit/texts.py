"""Texts that entries quote: statements, paths, reasons. They may name persons, so they can be taken away.

A line holds the id of a text, and the file beside it the text with a random salt. The id is a hash of both:
a text that is changed is found, and when it has been redacted nothing is left by which a guess at it could be
tried. A file has each text once, as far as its writer remembers.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

MOST_REMEMBERED = 2_000
"""Texts of which a writer knows that they are in its file; others are written again."""
_SALT_BYTES = 16


class Text(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of a file of texts."""

    id: str
    salt: str = ""
    text: str | None = None
    redacted: bool = False

    @property
    def is_right(self) -> bool:
        """Whether it is the text of its id, or has been redacted."""
        return self.redacted or (self.text is not None and self.id == id_of(self.salt, self.text))


_decoder = msgspec.json.Decoder(Text)


def id_of(salt: str, text: str) -> str:
    return hashlib.sha256(f"{salt}:{text}".encode()).hexdigest()[:32]


class TextWriter:
    """Adds texts to one file. For one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, str] = {}
        self._pending: list[bytes] = []
        self._descriptor = -1
        self._continues = False
        """Whether the file may end in a piece of a line."""

    def id_of(self, text: str) -> str:
        """The text's id; it is on disk after the next ``sync``."""
        found = self._known.get(text)
        if found is None:
            if not text.isascii():
                text = text.encode("utf-8", "replace").decode()  # of a command line: any bytes
            salt = secrets.token_hex(_SALT_BYTES)
            found = id_of(salt, text)
            if len(self._known) >= MOST_REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[text] = found
            self._pending.append(msgspec.json.encode(Text(id=found, salt=salt, text=text)) + b"\n")
        return found

    def sync(self) -> None:
        """Raises OSError; then what was to be written is tried again at the next time."""
        if not self._pending:
            return
        if self._descriptor < 0:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, 0o640)
            size = os.fstat(self._descriptor).st_size
            self._continues = size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"
        content = b"\n" * self._continues + b"".join(self._pending)
        self._continues = True
        write_all(self._descriptor, content)
        self._continues = False
        os.fdatasync(self._descriptor)
        self._pending.clear()

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)


def write_all(descriptor: int, content: bytes) -> None:
    """Raises OSError; then a part of it may have been written."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def texts_in(path: Path) -> Iterator[tuple[int, int, Text]]:
    """Number, place in the file, and content of each line; those that are none are left out."""
    if not path.exists():
        return
    with open(path, "rb") as file:
        offset = 0
        for number, raw in enumerate(file, start=1):
            # What is none is a piece that a killed process left.
            with suppress(msgspec.MsgspecError, UnicodeDecodeError):
                yield number, offset, _decoder.decode(raw)
            offset += len(raw)
