"""Every dataset of the lakehouse, declared once. Reading this package touches no file and no table."""

from __future__ import annotations

from contracts.errors import NotFound
from lakehouse.datasets.bronze import BRONZE
from lakehouse.datasets.declaration import (
    Build,
    Column,
    Dataset,
    FromChain,
    InsertNew,
    Layer,
    ReplaceHours,
    Rule,
    Severity,
)
from lakehouse.datasets.gold import GOLD
from lakehouse.datasets.silver import SILVER

__all__ = [
    "DATASETS",
    "Build",
    "Column",
    "Dataset",
    "FromChain",
    "InsertNew",
    "Layer",
    "ReplaceHours",
    "Rule",
    "Severity",
    "dataset",
    "in_layer",
]

DATASETS: dict[str, Dataset] = {declared.name: declared for declared in (*BRONZE, *SILVER, *GOLD)}
"""By name, upstream before downstream."""


def dataset(name: str) -> Dataset:
    """Raises NotFound that lists the names."""
    try:
        return DATASETS[name]
    except KeyError:
        raise NotFound(f"no dataset named {name!r}; datasets: {', '.join(DATASETS)}") from None


def in_layer(layer: Layer) -> tuple[Dataset, ...]:
    return tuple(declared for declared in DATASETS.values() if declared.layer == layer)
