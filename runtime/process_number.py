"""The number of a process of which there may be many (workers, ingestion): the first that nobody uses."""

from __future__ import annotations

import fcntl
import os
import socket
from itertools import count

from contracts.errors import DependencyError
from contracts.layout import run_folder
from contracts.settings import Settings

MOST = 1000


def claim(settings: Settings, kind: str, first_port: int, number: int | None) -> int:
    """Marks a number (from 1) as in use for as long as this process lives, and returns it.

    ``kind`` names what is numbered; process N serves on ``first_port + N - 1``. A number that was given is
    taken as it is; without one it is the first whose mark and whose port are free. Raises DependencyError
    where there is none.
    """
    folder = run_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    for each in count(1) if number is None else (number,):
        if each > MOST:
            break
        # Never closed: the mark goes with the process.
        descriptor = os.open(folder / f"{kind}-{each}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            if number is None:
                continue
            return each
        if number is not None or _is_free(settings, first_port + each - 1):
            return each
        os.close(descriptor)
    raise DependencyError(f"no number for another {kind} is free under {folder}")


def _is_free(settings: Settings, port: int) -> bool:
    if port > 65_535:
        return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.network.host, port))
        except OSError:
            return False
    return True
