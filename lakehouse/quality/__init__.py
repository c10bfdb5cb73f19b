"""Quality on demand: every declared rule, and what the platform knows of each table besides, over any table.

Results are rows of `quality_results`; the score of a table is made of those of its newest run.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from lakehouse.quality.findings import Finding, score

if TYPE_CHECKING:
    from contracts.settings import Settings
    from lakehouse.datasets import Layer

__all__ = ["Finding", "check", "score"]


def check(
    settings: Settings,
    *,
    tables: Sequence[str] = (),
    layer: Layer | None = None,
    from_: date | None = None,
    to: date | None = None,
    record: bool = True,
) -> list[Finding]:
    """Checks these tables (default: all that there are) of these UTC dates (default: all), and hands the
    results to the driver as a file in landing unless ``record`` is false.

    Needs no running platform. Raises NotFound for an unknown table, or one that is named and not there yet.
    """
    # The API reads scores in a process that never loads DuckDB.
    from lakehouse.quality import checking

    return checking.check(settings, tables=tables, layer=layer, from_=from_, to=to, record=record)
