"""Alerts as the audit log has them: fired, over, silenced, and no longer silenced."""

from __future__ import annotations

from lakehouse.alerts.announcements import Announcement, Listener
from lakehouse.audit.log import Recorder


def alert_listener(audit: Recorder) -> Listener:
    """A listener to announcements that tells ``audit`` of each."""

    def listen(announcement: Announcement) -> None:
        audit.record(
            f"alerts.{announcement.kind}",
            user=announcement.by or None,
            subject=announcement.subject,
            details={"rule": announcement.rule, "at": announcement.at.isoformat()},
            texts={"says": announcement.says},
        )

    return listen
