"""Runs that write tables, told to others as OpenLineage events: START, and COMPLETE or FAIL."""

from __future__ import annotations

from lakehouse.openlineage.reporter import Reporter
from lakehouse.openlineage.runs import Outcome, Run, failure

__all__ = ["Outcome", "Reporter", "Run", "failure"]
