"""What the catalog has."""

from __future__ import annotations

from lakehouse.datasets import DATASETS, Dataset
from lakehouse.datasets.stream import STREAM

TABLES: dict[str, Dataset] = {dataset.name: dataset for dataset in STREAM} | DATASETS
"""What the catalog has and SQL can read: the live outputs of the stream, and every Delta table."""
