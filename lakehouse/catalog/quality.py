"""What the newest check said of each table, as the catalog has it."""

from __future__ import annotations

from lakehouse.catalog.entries import FailedRule, Quality
from lakehouse.quality.results import Checked


def told(checked: Checked | None) -> Quality | None:
    """None: it was not checked lately."""
    if checked is None:
        return None
    failed = [result for result in checked.results if not result.passed]
    return Quality(
        run_id=checked.run_id,
        checked_at=checked.checked_at,
        score=checked.score,
        rules=len(checked.results),
        passed=len(checked.results) - len(failed),
        failed=[
            FailedRule(
                rule=result.rule,
                severity=result.severity,
                rows_failed=result.rows_failed,
                message=result.message,
            )
            for result in failed
        ],
    )
