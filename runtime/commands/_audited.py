"""Who runs a command, and the audit log that it is recorded in."""

from __future__ import annotations

import getpass
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contracts.settings import Settings
    from lakehouse.alerts.announcements import Announcements
    from lakehouse.audit import AuditLog

SERVICE = "dp"


def os_user() -> str:
    """The operating system's name of whoever runs this."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return str(os.getuid())


def command_log(settings: Settings) -> AuditLog:
    """The log of a short command; a context, at whose end everything is on disk."""
    from lakehouse.audit import AuditLog

    return AuditLog(settings, SERVICE)


@contextmanager
def announced(settings: Settings) -> Iterator[Announcements]:
    """Announcements of a short command, which the log has when the block has ended."""
    from lakehouse.alerts.announcements import Announcements
    from lakehouse.audit.alerts import alert_listener

    announcements = Announcements()
    with command_log(settings) as audit:
        announcements.subscribe(alert_listener(audit))
        yield announcements
