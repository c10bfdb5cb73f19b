"""Notices: what people are told, once when an alert fires and once when it is over."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct, field

from lakehouse.alerts.rules import Severity
from lakehouse.alerts.states import Occasion

_COLOURS: dict[str, str] = {"info": "#439fe0", "warning": "#daa038", "critical": "#d00000"}
_RESOLVED = "#2eb886"


class Notice(Struct, kw_only=True):
    """One notice, until every channel has delivered it."""

    id: str
    at: datetime
    kind: Literal["fired", "resolved", "test"]
    rule: str
    subject: str
    severity: Severity
    says: str
    since: datetime
    runbook: str
    waits_for: list[str] = field(default_factory=list)
    """Channels that have not delivered it yet."""

    @property
    def headline(self) -> str:
        match self.kind:
            case "resolved":
                return f"resolved: {self.rule} {self.subject} (since {self.since:%Y-%m-%d %H:%M} UTC)"
            case "test":
                return f"test: {self.says}"
            case "fired":
                return f"{self.severity}: {self.says}"


def notice_of(occasion: Occasion, now: datetime) -> Notice:
    alert = occasion.alert
    return Notice(
        id=uuid.uuid4().hex[:12],
        at=now,
        kind=occasion.kind,
        rule=alert.rule,
        subject=alert.subject,
        severity=alert.severity,
        says=alert.says,
        since=alert.since,
        runbook=alert.runbook,
    )


def trial(now: datetime) -> Notice:
    """A notice that says that it is none."""
    return Notice(
        id=uuid.uuid4().hex[:12],
        at=now,
        kind="test",
        rule="test",
        subject="test",
        severity="info",
        says="this is a test of the alerts' channels; nothing is wrong",
        since=now,
        runbook="docs/health.md",
    )


def slack_body(notice: Notice) -> dict[str, Any]:
    """Slack's form: a text for lists and phones, and an attachment with the rest."""
    fields = [("Rule", notice.rule), ("Subject", notice.subject), ("Runbook", notice.runbook)]
    return {
        "text": _escaped(notice.headline),
        "attachments": [
            {
                "color": _RESOLVED if notice.kind == "resolved" else _COLOURS[notice.severity],
                "fallback": _escaped(notice.headline),
                "text": _escaped(notice.says),
                "fields": [{"title": t, "value": _escaped(value), "short": True} for t, value in fields],
                "ts": int(notice.at.timestamp()),
            }
        ],
    }


def _escaped(text: str) -> str:
    """Slack's own three characters: no text of ours becomes a link or a mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
