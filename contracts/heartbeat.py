"""What a running service says of itself: a small JSON file that it replaces about once a second.

A file, and not a port, so that status works the same for one process, many, and containers that share the
data root; readers never touch the service.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from contracts.layout import run_folder
from contracts.rates import Rate
from contracts.settings import Settings

FRESH_SECONDS = 15.0
"""A heartbeat that is older says nothing of the present."""


class Heartbeat(Struct, kw_only=True):
    """One service's state. Times are Unix seconds."""

    service: str
    pid: int
    at: float
    state: str = "running"
    """`starting`, `running`, `degraded` or `failed`."""
    message: str = ""
    """Why it is degraded or failed; one line."""
    total: int = 0
    """Events handled since the start."""
    rate: float = 0.0
    """Events per second, of the last half minute."""
    details: dict[str, Any] = field(default_factory=dict)
    """What else the service wants seen (lag, watermark, last round, …); JSON values."""
    last_error: str = ""
    """The last message with which it was degraded or failed; outlives a restart."""
    last_error_at: float = 0.0


class HeartbeatWriter:
    """Keeps a service's heartbeat file. ``beat`` may be called often: it writes once a second at most."""

    def __init__(self, settings: Settings, service: str) -> None:
        self.service = os.environ.get("DP_SERVICE", service)
        self._path = heartbeats_folder(settings) / f"{self.service}.json"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._last_at = 0.0
        self._rate = Rate()
        before = _read(self._path)
        self._error = (before.last_error, before.last_error_at) if before else ("", 0.0)

    def beat(
        self,
        total: int = 0,
        *,
        state: str = "running",
        message: str = "",
        details: dict[str, Any] | None = None,
        force: bool = False,
    ) -> None:
        """Writes the file if a second has passed since the last write, or if ``force``."""
        now = time.time()
        if now - self._last_at < 1.0 and not force:
            return
        rate = self._rate.observe(time.monotonic(), total)
        self._last_at = now
        if message and state in ("degraded", "failed"):
            self._error = (message, now)
        heartbeat = Heartbeat(
            service=self.service,
            pid=os.getpid(),
            at=now,
            state=state,
            message=message,
            total=total,
            rate=round(rate, 1),
            details=details or {},
            last_error=self._error[0],
            last_error_at=self._error[1],
        )
        fresh = self._path.with_suffix(f".{os.getpid()}.tmp")
        fresh.write_bytes(msgspec.json.encode(heartbeat))
        fresh.replace(self._path)


def heartbeats_folder(settings: Settings) -> Path:
    return run_folder(settings) / "heartbeats"


def read_heartbeats(settings: Settings) -> dict[str, Heartbeat]:
    """The last heartbeat of every service, by service name; a file that is not one is left out."""
    beats = (_read(path) for path in heartbeats_folder(settings).glob("*.json"))
    return {beat.service: beat for beat in beats if beat is not None}


def _read(path: Path) -> Heartbeat | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Heartbeat)
    except (OSError, msgspec.DecodeError):
        return None
