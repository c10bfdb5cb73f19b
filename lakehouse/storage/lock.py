"""One writer, one batch run: whoever changes Delta tables, or computes a job, holds a lock for as long as it
does."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contracts.errors import ConflictError
from contracts.layout import run_folder
from contracts.settings import Settings

REMAINS_SECONDS = 20.0
"""So long the children of a killed holder are waited for."""


@contextmanager
def lakehouse_lock(settings: Settings) -> Iterator[None]:
    """Holds the lock; the system gives it back when the process ends, however it ends.

    Children that are started without `close_fds` hold it too: a JVM that outlives a killed driver for a
    moment may be in the middle of a commit. Raises ConflictError at once where another living process holds
    it.
    """
    with _exclusive(
        run_folder(settings) / "lakehouse.storage.lock",
        f"writes the tables under {settings.data_root}: send commands to it, or stop it first",
        inherited=True,
    ):
        yield


@contextmanager
def batch_lock(settings: Settings) -> Iterator[None]:
    """Held by the one batch run that goes on. Raises ConflictError at once where another process holds it."""
    with _exclusive(run_folder(settings) / "batch.lock", "runs a batch job: wait for it"):
        yield


@contextmanager
def archive_lock(settings: Settings) -> Iterator[None]:
    """Held by who makes or changes archives. Raises ConflictError at once where another process holds it."""
    with _exclusive(run_folder(settings) / "archive.lock", "is at work on the archives: wait for it"):
        yield


@contextmanager
def _exclusive(path: Path, does: str, *, inherited: bool = False) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        patience = time.monotonic() + REMAINS_SECONDS
        while not _try(descriptor):
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            if _lives(holder) or time.monotonic() > patience:
                raise ConflictError(f"another process (pid {holder or 'unknown'}) {does}")
            time.sleep(0.1)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        os.set_inheritable(descriptor, inherited)
        yield
    finally:
        os.close(descriptor)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lives(pid: str) -> bool:
    """Whether there is such a process; where nobody knows, there is."""
    if not pid.isdecimal():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
