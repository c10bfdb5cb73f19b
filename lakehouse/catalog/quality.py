"""What the newest check said of each table, by the rows of `quality_results`."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from lakehouse.catalog.entries import FailedRule, Quality

DATES = 7
"""So many of the newest dates with checks are looked at: an older one says nothing of the present."""


def newest(rows: Iterable[dict[str, Any]]) -> dict[str, Quality]:
    """By dataset, of its newest run. A rule counts once a run, whatever the order of the rows."""
    known = {(row["dataset"], row["run_id"], row["rule"]): row for row in rows}
    found: dict[str, Quality] = {}
    for (dataset, run_id), run in groupby(sorted(known), key=lambda place: place[:2]):
        quality = _of(run_id, [known[place] for place in run])
        if dataset not in found or found[dataset].checked_at < quality.checked_at:
            found[dataset] = quality
    return found


def _of(run_id: str, results: list[dict[str, Any]]) -> Quality:
    failed = [result for result in results if not result["passed"]]
    passed = len(results) - len(failed)
    return Quality(
        run_id=run_id,
        checked_at=max(result["checked_at"] for result in results),
        score=round(passed / len(results), 4),
        rules=len(results),
        passed=passed,
        failed=[
            FailedRule(
                rule=result["rule"],
                severity=result["severity"],
                rows_failed=result["rows_failed"],
                message=result["message"],
            )
            for result in failed
        ],
    )
