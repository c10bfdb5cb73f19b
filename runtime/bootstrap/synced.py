"""Reads uv's log while it works: what it fetches, what it builds, how long each took."""

from __future__ import annotations

import re
import time
from pathlib import Path

from runtime.bootstrap.progress import Progress, duration, megabytes

UNITS = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


class SyncWatch:
    """Call it now and then while uv runs, and once after; then ask for `summary()`."""

    def __init__(self, log: Path, progress: Progress) -> None:
        self._log = log
        self._progress = progress
        self._start = log.stat().st_size if log.exists() else 0
        self._began = time.monotonic()
        self._building_since: float | None = None
        self._build_seconds = 0.0
        self._under_way: set[str] = set()
        self._size = 0
        self._prepared = 0
        self._prepared_seconds = 0.0
        self._installed = 0
        self._rest = ""

    def __call__(self) -> None:
        with self._log.open("rb") as file:
            file.seek(self._start)
            new = file.read()
        self._start += len(new)
        *lines, self._rest = (self._rest + new.decode("utf-8", "replace")).split("\n")
        for line in lines:
            self._read(line.strip())
        elapsed = duration(time.monotonic() - self._began)
        self._progress.update(f"Python packages: {self._doing()} ({elapsed})")

    @property
    def download_seconds(self) -> float:
        return max(0.0, self._prepared_seconds - self._build_seconds)

    def summary(self) -> str:
        if not self._installed:
            return "Python packages: all there"
        if not self._prepared:
            return f"Python packages: {self._installed} installed from uv's cache"
        built = f", pyspark built in {duration(self._build_seconds)}" if self._build_seconds else ""
        size = megabytes(self._size) + (" and pyspark's source" if self._build_seconds else "")
        return (
            f"Python packages: {self._prepared} downloaded in {duration(self.download_seconds)}"
            f" ({size}){built}, {self._installed} installed"
        )

    def _doing(self) -> str:
        if self._building_since is not None:
            return "building pyspark from its source"
        if self._under_way:
            return f"downloading {', '.join(sorted(self._under_way))}"
        # uv does not announce sources: pyspark's is by far the largest download, and the last.
        return "installing" if self._build_seconds else "downloading pyspark's source and small packages"

    def _read(self, line: str) -> None:
        if match := re.match(r"Downloading (\S+) \(([\d.]+)([KMG]?i?B)\)", line):
            self._under_way.add(match[1])
            self._size += int(float(match[2]) * UNITS.get(match[3], 1))
        elif match := re.match(r"Downloaded (\S+)", line):
            self._under_way.discard(match[1])
        elif match := re.match(r"Building (\S+)", line):
            self._building_since = time.monotonic()
        elif line.startswith("Built ") and self._building_since is not None:
            self._build_seconds += time.monotonic() - self._building_since
            self._building_since = None
        elif match := re.match(r"Prepared (\d+) packages? in (.+)", line):
            self._prepared = int(match[1])
            self._prepared_seconds = seconds_of(match[2])
        elif match := re.match(r"Installed (\d+) packages? in", line):
            self._installed = int(match[1])


def seconds_of(text: str) -> float:
    """uv's durations: `405ms`, `44.41s`, `1m 03s`."""
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([\d.]+)(ms|[smh])", text))
