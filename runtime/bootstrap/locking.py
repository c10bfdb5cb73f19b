"""One set-up at a time, between processes."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from runtime.bootstrap.progress import Progress


@contextmanager
def exclusively(path: Path, progress: Progress, what: str) -> Iterator[IO[str]]:
    """Holds the lock file `path`; waits, and says so, while another process holds it.

    The kernel frees it when its holder dies, however it dies. Programs that are given the yielded handle (as
    their stdin, which their own children get too) hold it as well: so after a kill -9 nobody else starts
    while something of the killed one still writes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.say(f"waiting for another dp that is at {what}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
