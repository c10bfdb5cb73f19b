"""Log files: one a service under `<data>/logs`, rotated by size, read back merged by time."""

from __future__ import annotations

import heapq
import logging
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from contracts import logs
from contracts.layout import logs_folder
from contracts.settings import Settings
from runtime.topology.loglines import MAX_LINE_BYTES, LineForm

SUPERVISOR = "supervisor"
TAIL_BLOCK = 64 * 1024


def log_path(settings: Settings, service: str) -> Path:
    return logs_folder(settings) / f"{service}.log"


class RotatingFile:
    """Appends lines; a file that has reached ``max_bytes`` becomes `.1`, and the oldest of ``keep`` goes."""

    def __init__(self, path: Path, max_bytes: int, keep: int) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._keep = keep
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._open()

    def write(self, line: str) -> None:
        content = line.encode("utf-8", "replace") + b"\n"
        if self._size and self._size + len(content) > self._max_bytes:
            self._rotate()
        self._file.write(content)
        self._size += len(content)

    def close(self) -> None:
        self._file.close()

    def _open(self) -> BinaryIO:
        file = open(self.path, "ab", buffering=0)  # noqa: SIM115  # lives as long as its service
        self._size = file.tell()
        return file

    def _rotate(self) -> None:
        self._file.close()
        for number in range(self._keep, 0, -1):
            older = numbered(self.path, number)
            newer = numbered(self.path, number - 1)
            if newer.exists():
                newer.replace(older)
        self._file = self._open()


def numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}") if number else path


class LogFileHandler(logging.Handler):
    """Sends this process's own log lines to its log file."""

    def __init__(self, settings: Settings, service: str) -> None:
        super().__init__()
        self.setFormatter(logs.JsonFormatter(service))
        self._file = RotatingFile(log_path(settings, service), settings.logs.max_bytes, settings.logs.keep)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._file.write(self.format(record))
        except OSError:
            self.handleError(record)

    def close(self) -> None:
        self._file.close()
        super().close()


class ServiceLog:
    """Takes the raw output of one service, in any pieces, and writes its log file."""

    def __init__(self, settings: Settings, service: str) -> None:
        self.form = LineForm(service)
        self.path = log_path(settings, service)
        self._file = RotatingFile(self.path, settings.logs.max_bytes, settings.logs.keep)
        self._rest = b""
        self._lost = 0

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            lines.append(self._rest)
            self._rest = b""
        for raw in lines:
            self._write(self.form.feed(raw.decode("utf-8", "replace")))

    def flush(self) -> None:
        """Writes a line that waited for its continuation; call it when the service is silent for a moment."""
        self._write(self.form.flush())

    def finish(self) -> None:
        """The process has ended: nothing more will continue its last line."""
        if self._rest:
            self.feed(b"\n")
        self.flush()

    def close(self) -> None:
        self.finish()
        self._file.close()

    def _write(self, lines: list[str]) -> None:
        """Counts what a full disk refuses, and says so when it can: a service must not block."""
        for line in lines:
            try:
                if self._lost:
                    self._file.write(
                        logs.line(self.form.service, "warning", f"{self._lost} log lines were lost")
                    )
                    self._lost = 0
                self._file.write(line)
            except OSError:
                self._lost += 1


def services_with_logs(settings: Settings) -> list[str]:
    return sorted(path.stem for path in logs_folder(settings).glob("*.log"))


def last_lines(path: Path, count: int) -> list[str]:
    """The last ``count`` lines, oldest first, also from rotated files."""
    found: deque[str] = deque()
    number = 0
    while len(found) < count and (part := numbered(path, number)).exists():
        found.extendleft(reversed(_tail(part, count - len(found))))
        number += 1
    return list(found)


def merged(lines: list[list[str]], count: int) -> list[str]:
    """The newest ``count`` of several services' lines, in the order of their time."""
    ordered = heapq.merge(*([(timestamp(line), line) for line in of_one] for of_one in lines))
    return [line for _, line in deque(ordered, maxlen=count)]


def timestamp(line: str) -> str:
    """The time of a line in the declared form, which sorts as text."""
    start = line.find('"ts":"') + 6
    return line[start : line.find('"', start)] if start > 5 else ""


class Follower:
    """What is appended to a log file from now on, also across a rotation."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None
        self._rest = b""
        if path.exists():
            self._file = _reading(path)
            self._file.seek(0, os.SEEK_END)

    def lines(self) -> Iterator[str]:
        """The lines that have been completed since the last call."""
        if self._file is None:
            if not self.path.exists():
                return
            self._file = _reading(self.path)
        yield from self._read()
        if self._was_rotated():
            self._file.close()
            self._file = _reading(self.path)
            yield from self._read()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _read(self) -> Iterator[str]:
        assert self._file is not None
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "replace")

    def _was_rotated(self) -> bool:
        assert self._file is not None
        try:
            return self.path.stat().st_ino != os.fstat(self._file.fileno()).st_ino
        except FileNotFoundError:
            return False


def _reading(path: Path) -> BinaryIO:
    return open(path, "rb")


def _tail(path: Path, count: int) -> list[str]:
    with open(path, "rb") as file:
        position = file.seek(0, os.SEEK_END)
        content = b""
        if not position:
            return []
        while position and content.count(b"\n") <= count:
            step = min(TAIL_BLOCK, position)
            position -= step
            file.seek(position)
            content = file.read(step) + content
    lines = content.decode("utf-8", "replace").removesuffix("\n").split("\n")
    return lines[-count:] if count else []
