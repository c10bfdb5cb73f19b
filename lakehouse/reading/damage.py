"""What is wrong with tables: files that are missing, cut short, or could not be read.

A table's log is read all the time and says at once that it is damaged. A data file is not: here the size of
each is compared with what the log says of it, once, and what a query could not read is remembered.
"""

from __future__ import annotations

import threading
from pathlib import Path

from msgspec import Struct

from lakehouse.reading.snapshot import Snapshot


class Damage:
    """What is known of the tables' files. Safe for several threads."""

    def __init__(self) -> None:
        self._whole: dict[str, frozenset[str]] = {}
        self._told: dict[str, _Told] = {}
        self._lock = threading.Lock()

    def tell(self, snapshot: Snapshot, what: str, file: str = "") -> None:
        """A query could not read a file of it. It counts until the table, or the file, has changed."""
        with self._lock:
            self._told[snapshot.name] = _Told(snapshot.token, what, file, _state(file))

    def of(self, snapshot: Snapshot) -> str | None:
        """What is wrong with the table's files, if anything is known to be. Looks at each file once."""
        with self._lock:
            told = self._told.get(snapshot.name)
            if told is not None and (told.token, told.state) == (snapshot.token, _state(told.file)):
                return told.what
            self._told.pop(snapshot.name, None)
            if snapshot.version is None:
                return None  # the stream's views are listed from disk
            known = self._whole.get(snapshot.name, frozenset())
            for file in snapshot.files:
                if file.path not in known and (what := _wrong(Path(file.path), file.size)):
                    return what
            self._whole[snapshot.name] = frozenset(file.path for file in snapshot.files)
            return None


class _Told(Struct, frozen=True):
    token: object
    what: str
    file: str
    state: object
    """Of the file when it was told."""


def _state(file: str) -> tuple[int, int, int] | None:
    try:
        found = Path(file).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _wrong(path: Path, size: int) -> str | None:
    try:
        found = path.stat().st_size
    except OSError as error:
        return f"its file {path.name}: {error.strerror}"
    return None if found == size else f"its file {path.name} has {found:,} bytes instead of {size:,}"
