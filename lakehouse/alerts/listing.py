"""The alerts and silences of a platform as people ask for them."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from contracts.settings import Settings
from lakehouse.alerts.silences import Silence, read_silences
from lakehouse.alerts.state import read_state
from lakehouse.alerts.states import Alert

_ORDER = ("firing", "pending", "resolved")


class ListedAlert(Alert, kw_only=True):
    """An alert, and what keeps it quiet."""

    silenced_by: str | None = None
    """Id of a silence that holds."""


class AlertList(Struct, kw_only=True):
    """What is known of alerts now."""

    at: datetime | None
    """When the monitor last looked; null: it has not yet."""
    alerts: list[ListedAlert]
    silences: list[Silence]
    undelivered: int
    """Notices that wait for a channel."""


def alert_list(settings: Settings, now: datetime, *, everything: bool = False) -> AlertList:
    """Firing ones first, then the newest; resolved ones if asked for. Raises ContractError for a damaged file
    of silences."""
    kept = read_state(settings)
    silences = read_silences(settings, now)
    found = []
    for alert in kept.alerts:
        if everything or alert.state != "resolved":
            quiet = (one.id for one in silences if one.matches(alert.rule, alert.subject))
            fields = {name: getattr(alert, name) for name in Alert.__struct_fields__}
            found.append(ListedAlert(**fields, silenced_by=next(quiet, None)))
    found.sort(key=lambda alert: (_ORDER.index(alert.state), -alert.seen_at.timestamp()))
    return AlertList(at=kept.at, alerts=found, silences=silences, undelivered=len(kept.outbox))
