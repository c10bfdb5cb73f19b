"""Says on stderr what the set-up is doing: one line a step, and a moving one below it on a terminal."""

from __future__ import annotations

import sys
import time
from typing import TextIO

QUIET_SECONDS = 15.0
"""Without a terminal a long step repeats where it is this often."""


def megabytes(size: int) -> str:
    """`1_500_000` → `1.5 MB`: decimal units, as indexes and disks give them."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.{0 if size >= 1e7 else 1}f} MB"


def duration(seconds: float) -> str:
    """`75.2` → `1 min 15 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"


class Progress:
    """Lines for people. Nothing is written by just creating one."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._terminal = self._stream.isatty()
        self._moving = False
        self._last = time.monotonic()

    def say(self, text: str) -> None:
        """A line that stays."""
        self._clear()
        self._stream.write(f"dp: {text}\n")
        self._stream.flush()
        self._last = time.monotonic()

    def update(self, text: str) -> None:
        """Where a running step is. Rewritten in place on a terminal, otherwise only every 15 s."""
        if self._terminal:
            self._stream.write(f"\r\x1b[Kdp: {text[:100]}")
            self._stream.flush()
            self._moving = True
        elif time.monotonic() - self._last >= QUIET_SECONDS:
            self.say(text)

    def _clear(self) -> None:
        if self._moving:
            self._stream.write("\r\x1b[K")
            self._moving = False
