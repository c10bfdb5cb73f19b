"""Processes of one copy of the platform, known by the mark in their environment and by nothing else.

Every process that a supervisor starts carries ``DP_INSTANCE=<data root>``, and hands it on to its own
children, such as Spark's executors. Only the standard library: the guardian imports this.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

INSTANCE = "DP_INSTANCE"
SERVICE = "DP_SERVICE"
_PROC = Path("/proc")
_PAUSE_SECONDS = 0.05


def find(instance: str, service: str = "") -> list[int]:
    """Process ids that carry the mark (and the service's), except this process and its ancestors."""
    wanted = _marks(instance, service)
    spared = _own_line()
    return [
        pid
        for pid in (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())
        if pid not in spared and _carries(pid, wanted)
    ]


def end(instance: str, service: str = "", timeout: float = 10.0) -> int:
    """Kills all of them, also those that appear meanwhile, and returns how many there were.

    Returns after ``timeout`` seconds at the latest; a process that the kernel holds in uninterruptible sleep
    may then still be there.
    """
    wanted = _marks(instance, service)
    ended: set[int] = set()
    deadline = time.monotonic() + timeout
    while found := find(instance, service):
        for pid in found:
            if kill(pid, wanted):
                ended.add(pid)
        if time.monotonic() > deadline:
            break
        time.sleep(_PAUSE_SECONDS)
    return len(ended)


def kill(pid: int, marks: frozenset[bytes]) -> bool:
    """Kills one process if it carries the marks; the id may be somebody else's by now."""
    try:
        descriptor = os.pidfd_open(pid)
    except (ProcessLookupError, PermissionError):
        return False
    try:
        if not _carries(pid, marks):
            return False
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    finally:
        os.close(descriptor)
    return True


def carries(pid: int, instance: str, service: str = "") -> bool:
    """Whether a living process carries the mark, and the service's."""
    return _carries(pid, _marks(instance, service))


def service_of(pid: int, instance: str) -> str:
    """The service that a process belongs to; empty where it is none of this copy's."""
    content = _environment(pid)
    if f"{INSTANCE}={instance}".encode() not in content:
        return ""
    prefix = f"{SERVICE}=".encode()
    return next((mark[len(prefix) :].decode() for mark in content if mark.startswith(prefix)), "")


def birth(pid: int) -> int:
    """When a process started, in clock ticks since boot: with its id, an identity. 0 where none lives."""
    try:
        fields = _stat(pid)
    except OSError:
        return 0
    return 0 if fields[0] in "ZX" else int(fields[19])


def _marks(instance: str, service: str) -> frozenset[bytes]:
    marks = {f"{INSTANCE}={instance}"}
    if service:
        marks.add(f"{SERVICE}={service}")
    return frozenset(mark.encode() for mark in marks)


def _carries(pid: int, marks: frozenset[bytes]) -> bool:
    return marks <= _environment(pid)


def _environment(pid: int) -> set[bytes]:
    try:
        return set((_PROC / str(pid) / "environ").read_bytes().split(b"\0"))
    except OSError:  # gone, or another user's
        return set()


def _own_line() -> set[int]:
    line = set()
    pid = os.getpid()
    while pid > 0 and pid not in line:
        line.add(pid)
        try:
            pid = int(_stat(pid)[1])
        except OSError:
            break
    return line


def _stat(pid: int) -> list[str]:
    """The fields of `/proc/PID/stat` after the name, which stands in parentheses and may hold anything."""
    return (_PROC / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
