"""Outlives a supervisor that was killed, and ends what it left (Spark's executors are no children of it).

``python -m runtime.topology.guardian DATA_ROOT PIPE``: reads the pipe, whose other end only the supervisor
holds, until it closes, then kills every process that carries the copy's mark. It holds the supervisor's lock
too, so that the next `dp up` begins after that.
"""

from __future__ import annotations

import os
import signal
import sys

from runtime.topology import leftovers


def watch(instance: str, pipe: int) -> None:
    """Returns when the supervisor has gone and nothing of this copy runs any more."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(pipe, 1):
        pass
    leftovers.end(instance)


if __name__ == "__main__":
    watch(sys.argv[1], int(sys.argv[2]))
