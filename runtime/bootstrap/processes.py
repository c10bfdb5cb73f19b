"""Runs the tools that the set-up needs, with their output in a log and an eye on their progress."""

from __future__ import annotations

import ctypes
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

TICK_SECONDS = 0.5
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def run_logged(
    command: Sequence[str | Path],
    log: Path,
    *,
    env: Mapping[str, str],
    holding: IO[str],
    tick: Callable[[], None] = lambda: None,
    cwd: Path | None = None,
) -> int:
    """Runs `command`, both outputs appended to `log`; calls `tick` twice a second; gives the exit code.

    The child is killed when we die (also by kill -9) or when `tick` raises; `holding` is the handle of the
    lock that we work under, which its own children hold on to until they end.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        output.write(f"$ {' '.join(str(word) for word in command)}\n".encode())
        output.flush()
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=holding,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            preexec_fn=_die_with_parent,
        )
        try:
            while True:
                try:
                    return process.wait(TICK_SECONDS)
                except subprocess.TimeoutExpired:
                    tick()
        finally:
            if process.returncode is None:
                process.kill()
                process.wait()
