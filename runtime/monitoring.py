"""Puts the health monitor together: what it may not import itself is handed to it here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from contracts.settings import Settings
from lakehouse.health.services import SeenCluster

if TYPE_CHECKING:
    from kafka_cluster.cluster import ClusterManager
    from lakehouse.audit import Recorder
    from lakehouse.health.examination import Examination
    from lakehouse.health.monitor import Monitor


def health_monitor(settings: Settings, audit: Recorder) -> Monitor:
    """The scheduler's duty; ``audit`` hears of alerts. Raises SettingsError for a schedule that is none."""
    from lakehouse.alerts.announcements import Announcements
    from lakehouse.alerts.audited import recording
    from lakehouse.alerts.keeper import Keeper
    from lakehouse.health.monitor import Monitor

    announcements = Announcements()
    announcements.subscribe(recording(audit))
    examined = examination(settings, since=datetime.now(UTC))
    return Monitor(settings, examined, Keeper(settings, announcements=announcements))


def examination(settings: Settings, *, since: datetime | None = None) -> Examination:
    """Health's judgement with all that it can know here: the broker's word, and when jobs are due. ``since``:
    when the platform was started, where no supervisor knows. Raises as ``health_monitor``."""
    from batch.schedule import Cron
    from lakehouse.health.examination import Examination

    cron = Cron(settings.batch.schedule, settings.batch.time_zone)
    return Examination(settings, cluster=_Broker(settings).look, last_time=cron.last_before, since=since)


class _Broker:
    """Kafka's own word, asked where no supervisor passes it on."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._manager: ClusterManager | None = None

    def look(self) -> SeenCluster:
        if self._manager is None:
            from kafka_cluster.cluster import ClusterManager

            self._manager = ClusterManager(self._settings)
        return msgspec.convert(msgspec.to_builtins(self._manager.state()), SeenCluster)
