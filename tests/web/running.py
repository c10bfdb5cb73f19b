"""A server process over its tables, for tests of what it says while things go wrong around it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
from msgspec import Struct

from contracts.layout import table_path
from contracts.settings import Settings
from lakehouse.catalog import TABLES

GOLD = "event_metrics_gold"
SILVER = "app_events_silver"
COUNT = f"SELECT count(*) FROM {SILVER}"
"""30, as the fixture `running` fills it."""


class Running(Struct):
    """A server over its tables."""

    api: Any
    client: httpx.Client
    numbered: int = 0

    @property
    def settings(self) -> Settings:
        found: Settings = self.api.settings
        return found

    def ask(self, sql: str, **how: Any) -> httpx.Response:
        """The answer of a run; a number keeps it from being one that is kept."""
        self.numbered += 1
        return self.client.post("/query", json={"sql": f"{sql} -- {self.numbered}", **how})

    def folder(self, name: str) -> Path:
        return table_path(self.settings, TABLES[name].layer, name)

    def health(self) -> tuple[int, str, list[str]]:
        answer = self.client.get("/health")
        told = answer.json()
        return answer.status_code, told["status"], told["reasons"]

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.api.process.pid).children()


def until(holds: Callable[[], bool]) -> None:
    """Returns when it holds: answers about tables may be a second old."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
