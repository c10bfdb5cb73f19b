"""The state machine of alerts: pending → firing → resolved. Pure: findings and times go in, occasions out.

An alert is a rule and a subject. It fires when its finding has lasted as the rule says, and is resolved when
the finding has been gone for a while. What fires again and again has to be gone longer each time, so that
flapping makes few notices.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct, field

from lakehouse.alerts.rules import RULES, Finding, Severity

State = Literal["pending", "firing", "resolved"]
Kind = Literal["fired", "resolved"]

GONE = timedelta(seconds=60)
"""A finding must have been gone for so long; longer with each time that it fired of late."""
FLAPPING = timedelta(hours=6)
MOST_DOUBLINGS = 5
FORGOTTEN = timedelta(minutes=5)
"""A pending alert that was last looked at so long ago begins anew."""
SLACK = timedelta(seconds=5)
"""Samples come a little early or late."""


class Alert(Struct, kw_only=True):
    """What is known of a rule and a subject."""

    rule: str
    subject: str
    severity: Severity
    says: str
    runbook: str
    state: State = "pending"
    since: datetime
    """When it was found first; pending since then."""
    seen_at: datetime
    """When it was found last."""
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    fires: list[datetime] = field(default_factory=list)
    """When it fired of late; flapping is bounded by it."""
    told: bool = False
    """Whether a notice said that it fires; that it is over is told then, too."""

    @property
    def key(self) -> str:
        return f"{self.rule} {self.subject}"


class Occasion(Struct, frozen=True, kw_only=True):
    """Something that people are told."""

    kind: Kind
    alert: Alert


def advance(
    alerts: dict[str, Alert],
    findings: Iterable[Finding],
    undecided: Collection[str],
    now: datetime,
    is_silenced: Callable[[Alert], bool] = lambda alert: False,
) -> list[Occasion]:
    """Takes the findings of a moment; changes ``alerts`` (by key) and returns what is to be told, once each.

    Alerts of ``undecided`` rules stay as they are. One that is silenced changes as ever, and is told of when
    it still fires after the silence.
    """
    found = {f"{one.rule} {one.subject}": one for one in findings}
    occasions = []
    for key, one in found.items():
        alert = alerts.get(key)
        if alert is None or alert.state == "resolved":
            alert = alerts[key] = _begun(one, alert, now)
        if alert.state == "pending" and now - alert.seen_at > FORGOTTEN:
            alert.since = now  # nobody has looked meanwhile
        alert.says, alert.seen_at = one.says, now
        if alert.state == "pending" and now - alert.since >= RULES[one.rule].lasts - SLACK:
            alert.state, alert.fired_at, alert.resolved_at = "firing", now, None
            alert.fires = [*(fired for fired in alert.fires if now - fired <= FLAPPING), now]
    for key, alert in list(alerts.items()):
        if key not in found and alert.rule not in undecided:
            if alert.state == "pending" and alert.resolved_at is None:
                del alerts[key]
            elif alert.state == "pending":
                alert.state = "resolved"
            elif alert.state == "firing" and now - alert.seen_at >= patience(alert, now) - SLACK:
                alert.state, alert.resolved_at = "resolved", now
                if alert.told:
                    occasions.append(Occasion(kind="resolved", alert=alert))
        if alert.state == "firing" and not alert.told and key in found and not is_silenced(alert):
            alert.told = True
            occasions.append(Occasion(kind="fired", alert=alert))
    return occasions


def patience(alert: Alert, now: datetime) -> timedelta:
    """How long its finding must have been gone."""
    lately = sum(now - fired <= FLAPPING for fired in alert.fires)
    # The last time it was seen is a sample before the first one without it.
    doubled: int = 2 ** min(max(lately - 1, 0), MOST_DOUBLINGS)
    return GONE * (1 + doubled)


def _begun(one: Finding, before: Alert | None, now: datetime) -> Alert:
    rule = RULES[one.rule]
    return Alert(
        rule=one.rule,
        subject=one.subject,
        severity=rule.severity,
        says=one.says,
        runbook=rule.runbook,
        since=now,
        seen_at=now,
        fired_at=before.fired_at if before else None,
        resolved_at=before.resolved_at if before else None,
        fires=before.fires if before else [],
    )
