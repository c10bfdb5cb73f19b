"""Who may rewrite a view's files: one at a time. Workers, which only add files, need no permission."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from contracts.errors import ConflictError
from contracts.layout import run_folder
from contracts.settings import Settings


@contextmanager
def rewriting(settings: Settings, view: str) -> Iterator[None]:
    """Holds the right to replace a view's files (replay, compaction). The lock goes with the process.

    Raises ConflictError where another process holds it.
    """
    path = run_folder(settings) / f"{view}.rewriting.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(f"the files of {view} are being rewritten by another process") from None
        yield
    finally:
        os.close(descriptor)
