"""How many source records of a partition were refused, counted once each whatever dies when.

The count travels in the metadata of the committed offset, so both move together or not at all: who takes the
partition over goes on with the count that belongs to the offset at which it begins. Records that are sent
again (after a kill, or to close a hole) have been counted and are not counted again.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable

_FORM = re.compile(r"refused=(\d{1,18}) through=(-1|\d{1,19}) series=([0-9a-f]{8})")


class RefusalCount:
    """The count of one partition; ``series`` names it: one that begins anew has another name."""

    def __init__(self, committed: int | None, metadata: str) -> None:
        """Goes on from what is committed (the next offset, None: nothing); a group that somebody has reset
        has no metadata, and its count begins anew."""
        found = _FORM.fullmatch(metadata)
        self.count = int(found[1]) if found else 0
        self._through = int(found[2]) if found else (committed or 0) - 1
        self.series = found[3] if found else uuid.uuid4().hex[:8]

    def add(self, refused: Iterable[int], through: int) -> None:
        """Takes the offsets refused among the records up to ``through``."""
        self.count += sum(offset > self._through for offset in refused)
        self._through = max(self._through, through)

    @property
    def metadata(self) -> str:
        """For the commit."""
        return f"refused={self.count} through={self._through} series={self.series}"
