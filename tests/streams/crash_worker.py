"""A worker that kills or stops itself at a named step: `crash_worker.py FLAGS INDEX [STEP NTH ACTION]`.

FLAGS is JSON, dotted setting → value; STEP is what the flush reports; NTH counts from 1; ACTION is `kill`,
`stop`, or `hang` (the thread never comes back). STEP may be `no commit` (from the NTH on, commits are lost)
or `agent` (it raises at the NTH record).
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import time
from typing import Any

from contracts.configuration import load
from streams import flusher
from streams.chain import Step, no_step
from streams.faust_calls import FaustBroker
from streams.worker import run

SOON = 5.0
"""Patience of the watchdog in a worker that is to be stuck, seconds."""


def striking(at: str, nth: int, action: str) -> Step:
    """A step callback that sends this process SIGKILL or SIGSTOP the nth time that it hears ``at``."""
    counter = itertools.count(1)
    if action == "hang":
        return lambda name: time.sleep(3600) if name == at and next(counter) == nth else None
    strike = signal.SIGKILL if action == "kill" else signal.SIGSTOP

    def step(name: str) -> None:
        if name == at and next(counter) == nth:
            os.kill(os.getpid(), strike)

    return step


def lose_commits(nth: int) -> None:
    """From the nth on, commits do not reach the broker, and nobody is told."""
    counter = itertools.count(1)
    honest = FaustBroker.commit

    async def commit(self: FaustBroker, key: Any, offset: int) -> bool:
        return await honest(self, key, offset) if next(counter) < nth else False

    FaustBroker.commit = commit  # type: ignore[method-assign]


def raise_in_the_agent(nth: int) -> None:
    """An error that nobody has foreseen, of the nth record."""
    counter = itertools.count(1)
    honest = flusher.Flusher.append

    def append(self: flusher.Flusher, *arguments: Any) -> None:
        if next(counter) == nth:
            raise RuntimeError("struck")
        honest(self, *arguments)

    flusher.Flusher.append = append  # type: ignore[method-assign]


if __name__ == "__main__":
    flags, index, *rest = sys.argv[1:]
    if rest and rest[-1] in ("hang", "lost", "raise"):
        flusher.WATCHDOG_SECONDS = SOON
    if rest and rest[0] == "no commit":
        lose_commits(int(rest[1]))
    if rest and rest[0] == "agent":
        raise_in_the_agent(int(rest[1]))
    chosen = striking(rest[0], int(rest[1]), rest[2]) if rest else no_step
    run(load(flags=json.loads(flags), environ={}).settings, int(index), step=chosen)
