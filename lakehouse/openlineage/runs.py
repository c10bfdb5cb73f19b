"""What is told of a run; events are made of it elsewhere, and later."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct, field


def now() -> datetime:
    return datetime.now(UTC)


class Run(Struct, frozen=True, kw_only=True):
    """A run that has begun."""

    output: str
    """The table, or the batch job whose result it writes."""
    inputs: tuple[str, ...]
    """Tables, outputs of the stream and topics that it reads."""
    engine: str
    started: datetime = field(default_factory=now)
    nominal: datetime | None = None
    """Of a batch job: the beginning of the day that it is for."""
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))


class Outcome(Struct, frozen=True, kw_only=True):
    """How it ended."""

    ended: datetime = field(default_factory=now)
    rows: int | None = None
    """Rows that it wrote."""
    path: Path | None = None
    """Of the Delta table that it wrote …"""
    version: int | None = None
    """… and the version."""
    error: str | None = None
    """None: it did what it was to do."""


def failure(error: BaseException) -> Outcome:
    name = type(error).__name__
    return Outcome(error=f"{name}: {error}" if str(error) else name)
