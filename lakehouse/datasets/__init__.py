"""Every dataset of the lakehouse, declared once. Reading this package touches no file and no table."""

from __future__ import annotations

from contracts.errors import NotFound
from lakehouse.datasets.bronze import BRONZE
from lakehouse.datasets.declaration import (
    Build,
    Column,
    Dataset,
    Feed,
    FromChain,
    InsertNew,
    Layer,
    Refused,
    ReplaceDates,
    ReplaceHours,
    ReplaceKeys,
    Rule,
    Sessions,
    Severity,
    Versions,
)
from lakehouse.datasets.gold import GOLD
from lakehouse.datasets.platform import PLATFORM, PLATFORM_METRICS_SILVER
from lakehouse.datasets.silver import SILVER

__all__ = [
    "DATASETS",
    "Build",
    "Column",
    "Dataset",
    "Feed",
    "FromChain",
    "InsertNew",
    "Layer",
    "Refused",
    "ReplaceDates",
    "ReplaceHours",
    "ReplaceKeys",
    "Rule",
    "Sessions",
    "Severity",
    "Versions",
    "dataset",
    "in_layer",
]

DATASETS: dict[str, Dataset] = {
    declared.name: declared for declared in (*BRONZE, *SILVER, PLATFORM_METRICS_SILVER, *GOLD, *PLATFORM)
}
"""By name, upstream before downstream."""


def dataset(name: str) -> Dataset:
    """Raises NotFound that lists the names."""
    try:
        return DATASETS[name]
    except KeyError:
        raise NotFound(f"no dataset named {name!r}; datasets: {', '.join(DATASETS)}") from None


def in_layer(layer: Layer) -> tuple[Dataset, ...]:
    return tuple(declared for declared in DATASETS.values() if declared.layer == layer)
