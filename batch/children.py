"""Processes that duties start, and wait for."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Mapping, Sequence

from contracts.errors import DependencyError

POLL_SECONDS = 0.2
END_SECONDS = 10.0
"""A child that has not ended this long after it was asked to is killed."""


def answer_of(
    command: Sequence[str], environment: Mapping[str, str], stop: threading.Event, seconds: float
) -> bytes:
    """What the child prints; nothing where it was ended because of ``stop``.

    Raises DependencyError where it fails, or takes longer than ``seconds``.
    """
    child = subprocess.Popen(command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    deadline = time.monotonic() + seconds
    with child:
        while True:
            try:
                answer, _ = child.communicate(timeout=POLL_SECONDS)
                break
            except subprocess.TimeoutExpired:
                if stop.is_set():
                    _end(child)
                    return b""
                if time.monotonic() > deadline:
                    _end(child)
                    raise DependencyError(f"ended after {seconds:.0f} s") from None
    if child.returncode != 0:
        raise DependencyError(f"exit code {child.returncode}; its log says why")
    return answer


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
