"""The catalog: what there is to know of each table, from its declaration, its files, checks and what people
say."""

from __future__ import annotations

from lakehouse.catalog.catalog import Catalog
from lakehouse.catalog.edits import Annotation
from lakehouse.catalog.entries import (
    CatalogExport,
    Commit,
    Freshness,
    TableDetail,
    TableEntry,
    TableSummary,
)
from lakehouse.catalog.search import Search
from lakehouse.catalog.tables import TABLES

__all__ = [
    "TABLES",
    "Annotation",
    "Catalog",
    "CatalogExport",
    "Commit",
    "Freshness",
    "Search",
    "TableDetail",
    "TableEntry",
    "TableSummary",
]
