"""One writer, one batch run: whoever changes Delta tables, or computes a job, holds a lock for as long as it
does."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contracts.errors import ConflictError
from contracts.layout import run_folder
from contracts.settings import Settings


@contextmanager
def lakehouse_lock(settings: Settings) -> Iterator[None]:
    """Holds the lock; the system gives it back when the process ends, however it ends.

    Raises ConflictError at once where another process holds it.
    """
    with _exclusive(
        run_folder(settings) / "lakehouse.lock",
        f"writes the tables under {settings.data_root}: send commands to it, or stop it first",
    ):
        yield


@contextmanager
def batch_lock(settings: Settings) -> Iterator[None]:
    """Held by the one batch run that goes on. Raises ConflictError at once where another process holds it."""
    with _exclusive(run_folder(settings) / "batch.lock", "runs a batch job: wait for it"):
        yield


@contextmanager
def _exclusive(path: Path, does: str) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise ConflictError(f"another process (pid {holder}) {does}") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)
