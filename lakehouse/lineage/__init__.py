"""Where data come from and where they go: tables by the declarations, columns by the SQL that runs."""

from __future__ import annotations

from lakehouse.lineage.columns import ColumnRef
from lakehouse.lineage.graph import (
    Around,
    ColumnEdge,
    Direction,
    Edge,
    Lineage,
    Node,
)

__all__ = ["Around", "ColumnEdge", "ColumnRef", "Direction", "Edge", "Lineage", "Node"]
