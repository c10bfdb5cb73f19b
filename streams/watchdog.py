"""Tells a partition that is stuck from one that is idle, held up by a full disk, or busy, and an assignment
that is never recovered from one that takes its time."""

from __future__ import annotations

import time
from collections.abc import Iterable

from msgspec import Struct

PAUSED_SECONDS = 10.0
"""When nobody looked for so long, the whole process was stopped: that is not the partitions' fault."""


RECOVERY_SECONDS = 45.0
"""Longest that the tables' recovery may read nothing."""


class _Seen(Struct):
    """Where a partition was, and since when; monotonic seconds."""

    committed: int
    committed_at: float
    expected: int
    expected_at: float


class Watchdog:
    """Compares what is committed, what is read and where the topic ends, partition by partition.

    Reading and committing are watched apart: a worker that reads on while its commits do not move is stuck
    too, and one that waits for room is not, as long as it commits.
    """

    def __init__(self, patience: float) -> None:
        self._least = self._patience = patience
        self._seen: dict[tuple[str, int], _Seen] = {}
        self._looked_at = time.monotonic()

    def look(self, keys: Iterable[tuple[str, int]], all_flushed_in: float = 0.0) -> None:
        """Begins a round, about once a second, over the partitions that are ours; forgets the others.

        ``all_flushed_in``: seconds that flushing all of them takes at present. On an overloaded machine a
        partition's turn comes late; ending the process then would only make it slower.
        """
        self._patience = max(self._least, 2 * all_flushed_in)
        now = time.monotonic()
        paused, self._looked_at = now - self._looked_at, now
        if paused > PAUSED_SECONDS:
            self._seen.clear()
        kept = set(keys)
        self._seen = {key: seen for key, seen in self._seen.items() if key in kept}

    def stuck(
        self,
        key: tuple[str, int],
        *,
        committed: int,
        expected: int,
        end: int | None,
        paused: bool,
        failing: bool,
    ) -> str:
        """Why the partition is stuck; empty: it is not.

        Offsets are of the internal topic: the next to commit, the next to read, and the end as last heard.
        """
        now = time.monotonic()
        seen = self._seen.setdefault(key, _Seen(committed, now, expected, now))
        if failing or committed != seen.committed or committed >= expected:
            seen.committed, seen.committed_at = committed, now
        if failing or paused or expected != seen.expected or (end or 0) <= expected:
            seen.expected, seen.expected_at = expected, now
        waited = now - min(seen.committed_at, seen.expected_at)
        if waited <= self._patience:
            return ""
        return (
            f"{key[0]}/{key[1]}: no progress for {waited:.0f} s: committed {committed}, "
            f"read up to {expected}, topic ends at {end}"
        )


class RecoveryWatch:
    """Watches the time between an assignment and the moment when the tables are recovered.

    After a rebalance in the middle of a life, Faust's recovery has been seen to wait for changes of a
    changelog that never came to it. A new process reads them.
    """

    def __init__(self, patience: float = RECOVERY_SECONDS) -> None:
        self._patience = patience
        self._done = False
        self._changes = -1
        self._since: float | None = None
        """When something was recovered last, monotonic seconds; None: nothing is to be recovered."""
        self._looked_at = time.monotonic()

    def revoked(self) -> None:
        self._done, self._since = False, None

    def assigned(self) -> None:
        # Recovery may have been faster than the news of the assignment.
        if not self._done:
            self._changes, self._since = -1, time.monotonic()

    def recovered(self) -> None:
        self._done, self._since = True, None

    def stuck(self, changes: int) -> str:
        """Why recovery is stuck; empty: it is not. To be called about once a second.

        ``changes``: how many have been read.
        """
        now = time.monotonic()
        paused, self._looked_at = now - self._looked_at > PAUSED_SECONDS, now
        if self._since is None:
            return ""
        if paused or changes != self._changes:
            self._changes, self._since = changes, now
        waited = now - self._since
        return (
            f"recovery of the tables has read nothing for {waited:.0f} s" if waited > self._patience else ""
        )
