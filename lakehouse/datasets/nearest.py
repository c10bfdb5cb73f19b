"""What is said of a name that does not exist."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from contracts.errors import NotFound


def nearest(name: str, names: Collection[str]) -> list[str]:
    """The names most like ``name``, three at most, the nearest first."""
    return get_close_matches(name, sorted(names), n=3, cutoff=0.5)


def unknown(kind: str, name: str, names: Collection[str], *, offset: int | None = None) -> NotFound:
    """The error for a ``name`` that is none of ``names``; it tells the nearest, or all where none is near.

    ``offset`` is the name's place in a query, characters before it.
    """
    close = nearest(name, names)
    hint = f"did you mean {', '.join(close)}?" if close else f"there are {', '.join(sorted(names))}"
    return NotFound(f"no {kind} is named {name!r}: {hint}", suggestions=close, offset=offset)
