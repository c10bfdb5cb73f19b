"""Alerts in the audit log."""

from __future__ import annotations

from lakehouse.alerts.announcements import Announcement, Listener
from lakehouse.audit import Recorder


def recording(audit: Recorder) -> Listener:
    """A listener that records what it hears of as `alert.fired`, `alert.silenced` and so on."""

    def listen(heard: Announcement) -> None:
        audit.record(
            f"alert.{heard.kind}",
            user=heard.by or None,
            subject=heard.subject,
            details={"rule": heard.rule},
            texts={"says": heard.says},
        )

    return listen
