"""What is said of a name that does not exist."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from contracts.errors import NotFound


def unknown(kind: str, name: str, names: Collection[str]) -> NotFound:
    """The error for a ``name`` that is none of ``names``; it tells the nearest, or all where none is near."""
    close = get_close_matches(name, sorted(names), n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(close)}?" if close else f"there are {', '.join(sorted(names))}"
    return NotFound(f"no {kind} is named {name!r}: {hint}", suggestions=close)
