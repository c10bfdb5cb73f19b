"""Finding tables: by words, tag, owner, layer or column. Case does not matter."""

from __future__ import annotations

from msgspec import Struct

from lakehouse.datasets import Dataset, Layer


class Search(Struct, frozen=True, kw_only=True):
    """What a table has to have; all that is given must hold."""

    q: str | None = None
    """Words that occur, each of them, in its name, its description, or those of its columns."""
    tag: str | None = None
    owner: str | None = None
    layer: Layer | None = None
    column: str | None = None
    """A column's whole name."""

    def matches(self, dataset: Dataset) -> bool:
        if self.layer is not None and dataset.layer != self.layer:
            return False
        if self.tag is not None and _plain(self.tag) not in map(_plain, dataset.tags):
            return False
        if self.owner is not None and _plain(self.owner) != _plain(dataset.owner):
            return False
        if self.column is not None and _plain(self.column) not in (_plain(c.name) for c in dataset.columns):
            return False
        words = _plain(self.q or "").split()
        return not words or all(word in _text(dataset) for word in words)


def _text(dataset: Dataset) -> str:
    parts = [dataset.name, dataset.description]
    for column in dataset.columns:
        parts += [column.name, column.description]
    return _plain("\n".join(parts))


def _plain(text: str) -> str:
    return text.strip().casefold()
