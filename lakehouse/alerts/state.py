"""What is known of alerts, on disk: their states and the notices that are still to be delivered.

One file, replaced as a whole, holds both, so that a restart neither forgets a notice nor makes it anew. Only
the monitor writes it; everybody may read.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from msgspec import Struct, field

from contracts.settings import Settings
from lakehouse.alerts.files import alerts_folder
from lakehouse.alerts.notices import Notice
from lakehouse.alerts.states import Alert

log = logging.getLogger(__name__)

KEPT = timedelta(days=7)
"""Alerts that are over are listed for so long."""


class AlertState(Struct, kw_only=True):
    """The file."""

    at: datetime | None = None
    """When the monitor last looked."""
    alerts: list[Alert] = field(default_factory=list)
    outbox: list[Notice] = field(default_factory=list)
    """In the order in which they are to be delivered."""

    def forget(self, now: datetime) -> None:
        self.alerts = [
            alert
            for alert in self.alerts
            if alert.state != "resolved" or alert.resolved_at is None or now - alert.resolved_at <= KEPT
        ]


def state_path(settings: Settings) -> Path:
    return alerts_folder(settings) / "state.json"


def read_state(settings: Settings) -> AlertState:
    """Empty where there is none yet, or it is damaged: what is still wrong fires again then."""
    path = state_path(settings)
    try:
        return msgspec.json.decode(path.read_bytes(), type=AlertState)
    except FileNotFoundError:
        return AlertState()
    except msgspec.DecodeError as error:
        log.error("%s is damaged and is not used: %s", path, error)  # noqa: TRY400  # the place is all there is
        return AlertState()
