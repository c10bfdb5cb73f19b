"""Ports for a whole copy of the platform."""

from __future__ import annotations

import contextlib
import os
import socket

BLOCK = 100
BLOCKS = range(20_000, 32_000, BLOCK)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, from a block that depends on this process.

    They lie below those that the kernel gives to outgoing connections: of the many that a starting platform
    makes, one could otherwise take a port that a service is about to listen on.
    """
    start = BLOCKS[os.getpid() % len(BLOCKS)]
    found: list[int] = []
    with contextlib.ExitStack() as stack:
        for number in (*range(start, BLOCKS.stop), *range(BLOCKS.start, start)):
            probe = stack.enter_context(socket.socket())
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", number))
            except OSError:
                continue
            found.append(number)
            if len(found) == count:
                return found
    raise OSError(f"no {count} free ports between {BLOCKS.start} and {BLOCKS.stop}")
