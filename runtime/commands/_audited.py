"""Who runs a command, and the audit log that it is recorded in."""

from __future__ import annotations

import getpass
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contracts.settings import Settings
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
