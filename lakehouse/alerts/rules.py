"""What is looked for, each declared once. Health's judgement speaks in findings of these rules, and alerts
are findings that last: so what `GET /health` says and what people are woken for is the same."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from msgspec import Struct

Severity = Literal["info", "warning", "critical"]
Status = Literal["ok", "degraded", "failing"]

MINUTE = timedelta(minutes=1)
LONGEST_SENTENCE = 500


class Rule(Struct, frozen=True, kw_only=True):
    """One thing that can be wrong."""

    name: str
    about: str
    severity: Severity
    status: Status = "degraded"
    """What a finding makes of its component, unless the finding says otherwise."""
    lasts: timedelta = MINUTE
    """An alert fires when the finding has lasted so long."""
    limits: tuple[str, ...] = ()
    """Settings that say from when on it does not hold."""
    settles: bool = False
    """Whether it is left open while the platform starts: backlogs are worked off then."""

    @property
    def runbook(self) -> str:
        """Page of the documentation."""
        return f"docs/runbooks/{self.name}.md"


class Finding(Struct, frozen=True, kw_only=True):
    """A rule that does not hold for a subject, now."""

    rule: str
    subject: str
    """A table, a service, a consumer group, a job, a disk."""
    says: str
    """One sentence with numbers."""
    status: Status


def finding(rule: str, subject: str, says: str, status: Status | None = None) -> Finding:
    """Raises KeyError for a rule that is not declared. The sentence may hold anybody's words: it is made one
    line, and cut."""
    says = " ".join(says.split())[:LONGEST_SENTENCE]
    return Finding(rule=rule, subject=subject, says=says, status=status or RULES[rule].status)


_DECLARED = (
    Rule(
        name="service_down",
        about="A service has died, keeps dying, or no longer speaks.",
        severity="critical",
    ),
    Rule(
        name="service_degraded",
        about="A service runs and says that something is wrong.",
        severity="warning",
        settles=True,
    ),
    Rule(
        name="table_stale",
        about="A table is behind what it is built from.",
        severity="warning",
        limits=("health.stale_factor",),
        settles=True,
        lasts=timedelta(0),  # the judgement has waited already
    ),
    Rule(
        name="table_unreadable",
        about="A table's log or a data file cannot be read.",
        severity="critical",
    ),
    Rule(
        name="quality_low",
        about="The newest check of a table has too low a score.",
        severity="warning",
        limits=("health.quality_score",),
    ),
    Rule(
        name="lag_high",
        about="A consumer group has too many records still to read.",
        severity="warning",
        limits=("health.lag_records",),
        settles=True,
    ),
    Rule(
        name="flush_stuck",
        about="Records wait, and their consumer commits nothing.",
        severity="critical",
        limits=("health.flush_seconds",),
        settles=True,
    ),
    Rule(
        name="holes",
        about="Stream workers miss records that ingestion has sent.",
        severity="critical",
        limits=("streams.hole_seconds",),
        lasts=timedelta(0),  # the judgement has waited already
    ),
    Rule(
        name="dead_letters",
        about="Many records of a source are refused.",
        severity="warning",
        limits=("health.dead_letters_per_minute",),
        lasts=timedelta(0),
    ),
    Rule(
        name="disk_low",
        about="Little is left of the disk, or it fills up soon.",
        severity="warning",
        limits=("health.disk_free_share", "health.disk_days"),
    ),
    Rule(
        name="disk_full",
        about="The disk of the data is full or cannot be read.",
        severity="critical",
        limits=("health.disk_free_mb",),
        status="failing",
    ),
    Rule(
        name="job_failed",
        about="The newest run of a batch job has failed.",
        severity="warning",
    ),
    Rule(
        name="job_missed",
        about="A closed day has no result of a batch job.",
        severity="warning",
        limits=("health.job_late_minutes",),
        settles=True,
    ),
    Rule(
        name="monitor_blind",
        about="A part of the platform cannot be looked at.",
        severity="warning",
    ),
)

RULES: dict[str, Rule] = {rule.name: rule for rule in _DECLARED}
"""By name."""
