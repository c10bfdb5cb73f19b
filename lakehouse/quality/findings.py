"""What a check says of one rule of one table, and the score of a table that is made of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from lakehouse.datasets import Severity

WEIGHTS: dict[str, int] = {"flag": 1, "quarantine": 3, "fail": 5}
"""How much a rule counts in the score, by its severity."""
RANKS: dict[str, int] = {"flag": 0, "quarantine": 1, "fail": 2}
"""Severities from the least to the greatest."""
SAMPLES = 5
"""A failure names at most so many rows."""
PERSONAL = frozenset({"user_id", "key"})
"""Columns whose values tell of a person: a check shows them to whoever runs it, and stores none."""


class Finding(Struct, frozen=True, kw_only=True):
    """One rule of one table, as one run found it."""

    run_id: str
    checked_at: datetime
    """UTC; one time for the whole run."""
    table: str
    rule: str
    severity: Severity
    passed: bool
    rows_checked: int
    """Rows that were looked at; of a rule over groups, groups. 0: there was nothing to look at."""
    rows_failed: int
    message: str
    """A sentence with the numbers, and keys of some rows that fail where these tell of no person."""
    samples: tuple[str, ...] = ()
    """Keys of some rows that fail."""


class Judged(Protocol):
    """What a score is made of."""

    @property
    def severity(self) -> str: ...
    @property
    def passed(self) -> bool: ...


def score(results: Iterable[Judged]) -> float:
    """The share of the rules that hold, 0 to 1, each weighted by its severity: flag 1, quarantine 3, fail 5.

    A rule holds or it does not, whatever the number of rows: one event too many in a billion is a fault that
    somebody should look at. Without a rule it is 1.
    """
    total = held = 0
    for result in results:
        weight = WEIGHTS.get(result.severity, 1)
        total += weight
        held += weight if result.passed else 0
    return round(held / total, 4) if total else 1.0


def worst(findings: Iterable[Finding], least: Severity) -> list[Finding]:
    """The rules that do not hold and are of severity ``least`` at least."""
    return [one for one in findings if not one.passed and RANKS[one.severity] >= RANKS[least]]
