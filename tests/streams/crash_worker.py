"""A worker that kills or stops itself at a named step: `crash_worker.py FLAGS INDEX [STEP NTH ACTION]`.

FLAGS is JSON, dotted setting → value; STEP is what the flush reports; NTH counts from 1; ACTION is `kill` or
`stop`.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys

from contracts.configuration import load
from streams.chain import Step, no_step
from streams.worker import run


def striking(at: str, nth: int, action: str) -> Step:
    """A step callback that sends this process SIGKILL or SIGSTOP the nth time that it hears ``at``."""
    counter = itertools.count(1)
    strike = signal.SIGKILL if action == "kill" else signal.SIGSTOP

    def step(name: str) -> None:
        if name == at and next(counter) == nth:
            os.kill(os.getpid(), strike)

    return step


if __name__ == "__main__":
    flags, index, *rest = sys.argv[1:]
    chosen = striking(rest[0], int(rest[1]), rest[2]) if rest else no_step
    run(load(flags=json.loads(flags), environ={}).settings, int(index), step=chosen)
