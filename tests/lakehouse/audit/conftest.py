"""Logs as real processes leave them: several chains, days, restarts and crashes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.layout import audit_folder
from contracts.settings import Paths, Settings
from lakehouse.audit import Entry
from lakehouse.audit.writing import ChainWriter

START = datetime(2026, 3, 5, 12, tzinfo=UTC)


def entries(count: int, day: int = 0, **values: Any) -> list[Entry]:
    return [
        Entry(
            action="api.query",
            user="alice",
            details={"rows": number},
            texts={"statement": f"SELECT {number % 3}"},
            at=START + timedelta(days=day, seconds=number),
            **values,
        )
        for number in range(count)
    ]


class Process:
    """Writes a chain and ends in order, or is killed."""

    def __init__(self, settings: Settings, chain: str) -> None:
        self.now = START
        self.writer = ChainWriter(settings, chain, chain, clock=lambda: self.now)

    def write(self, count: int, day: int = 0) -> Process:
        given = entries(count, day)
        self.now = given[-1].at
        while given:
            del given[: self.writer.append(given)]
        return self

    def end(self) -> None:
        self.writer.close(in_order=True)

    def die(self, leaving: bytes = b"") -> None:
        """Dies with these bytes of a line in its file."""
        self.writer.close(in_order=False)
        if leaving:
            path = lines_of(self.writer._settings, self.writer.chain)[-1]
            with open(path, "ab") as file:
                file.write(leaving)


def lines_of(settings: Settings, chain: str = "*") -> list[Path]:
    """Files of lines, the oldest first."""
    return sorted(audit_folder(settings).glob(f"*/{chain}.jsonl"))


def raw_lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(paths=Paths(data=str(tmp_path / "data")))


@pytest.fixture(scope="session")
def make_entries() -> Callable[..., Sequence[Entry]]:
    return entries
