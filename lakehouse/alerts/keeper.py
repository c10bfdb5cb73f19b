"""Keeps the alerts of a platform: hears the reports of health, moves states on, and has notices delivered."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from contracts.errors import ContractError, PlatformError
from contracts.settings import Settings
from lakehouse.alerts.announcements import Announcement, Announcements
from lakehouse.alerts.channels import Channel, channels
from lakehouse.alerts.files import replace
from lakehouse.alerts.notices import Notice, notice_of
from lakehouse.alerts.rules import Finding
from lakehouse.alerts.silences import Silence, read_silences
from lakehouse.alerts.state import AlertState, read_state, state_path
from lakehouse.alerts.states import Alert, advance

log = logging.getLogger(__name__)


class Keeper:
    """Notices are on disk before they are delivered, and leave it when they have been: a kill in between may
    repeat the one that was just being sent, and loses none. Deliveries that may take long have a thread of
    their own, and keep their order."""

    def __init__(
        self,
        settings: Settings,
        *,
        announcements: Announcements | None = None,
        over: Sequence[Channel] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``over``: the channels; those of the settings by default."""
        self._settings = settings
        self._announcements = announcements or Announcements()
        self._channels = {one.name: one for one in (channels(settings) if over is None else over)}
        self._now = now
        self._lock = threading.Lock()
        self._state: AlertState = read_state(settings)
        self._silences: list[Silence] = []
        self._courier: threading.Thread | None = None

    @property
    def firing(self) -> int:
        return sum(alert.state == "firing" for alert in self._state.alerts)

    def hear(self, at: datetime, findings: Sequence[Finding], undecided: Sequence[str]) -> None:
        """Takes one report. Raises OSError where the states cannot be written; notices go out all the
        same."""
        now = self._now()
        silences = self._silenced(now)

        def is_silenced(alert: Alert) -> bool:
            return any(silence.matches(alert.rule, alert.subject) for silence in silences)

        with self._lock:
            alerts = {alert.key: alert for alert in self._state.alerts}
            occasions = advance(alerts, findings, undecided, at, is_silenced)
            self._state.alerts = list(alerts.values())
            self._state.at = at
            self._state.forget(now)
            for occasion in occasions:
                notice = notice_of(occasion, now)
                notice.waits_for = list(self._channels)
                self._state.outbox.append(notice)
            self._give_up(now)
        try:
            self._save()
        finally:
            self._deliver(remote=False)
            self._send_courier()
            for occasion in occasions:
                alert = occasion.alert
                self._announcements.announce(
                    Announcement(
                        kind=occasion.kind, at=now, rule=alert.rule, subject=alert.subject, says=alert.says
                    )
                )

    def wait(self, seconds: float) -> bool:
        """Whether the deliveries under way have ended within the time."""
        if self._courier is not None:
            self._courier.join(seconds)
            return not self._courier.is_alive()
        return True

    def _silenced(self, now: datetime) -> list[Silence]:
        """A damaged file of silences must not keep alerts from being told; the last ones read hold on."""
        try:
            self._silences = read_silences(self._settings, now)
        except (ContractError, OSError) as error:
            log.warning("silences cannot be read: %s", error)
            self._silences = [silence for silence in self._silences if silence.until > now]
        return self._silences

    def _give_up(self, now: datetime) -> None:
        """Notices for channels that are off by now, or that were tried for too long."""
        most = timedelta(hours=self._settings.alerts.retry_hours)
        for notice in self._state.outbox:
            notice.waits_for = [name for name in notice.waits_for if name in self._channels]
            if notice.waits_for and now - notice.at > most:
                log.error("notice was not delivered to %s: %s", ", ".join(notice.waits_for), notice.headline)
                notice.waits_for = []
        self._state.outbox = [notice for notice in self._state.outbox if notice.waits_for]

    def _send_courier(self) -> None:
        waits = any(self._channels[n].is_remote for notice in self._state.outbox for n in notice.waits_for)
        if waits and (self._courier is None or not self._courier.is_alive()):
            self._courier = threading.Thread(
                target=self._deliver, kwargs={"remote": True}, name="alert courier", daemon=True
            )
            self._courier.start()

    def _deliver(self, *, remote: bool) -> None:
        """Everything that waits, in order; a channel that fails gets no more until the next report."""
        for channel in self._channels.values():
            if channel.is_remote != remote:
                continue
            while (notice := self._next_for(channel)) is not None:
                try:
                    channel.deliver(notice)
                except PlatformError as error:
                    log.warning("notice waits: %s", error, extra={"channel": channel.name})
                    break
                except Exception as error:  # noqa: BLE001  # whose text may hold the URL
                    kind = type(error).__name__
                    log.error("notice waits: %s", kind, extra={"channel": channel.name})  # noqa: TRY400
                    break
                with self._lock:
                    notice.waits_for = [name for name in notice.waits_for if name != channel.name]
                    self._state.outbox = [one for one in self._state.outbox if one.waits_for]
                try:
                    self._save()
                except OSError as error:
                    log.warning("states of alerts are not written: %s", error)

    def _next_for(self, channel: Channel) -> Notice | None:
        with self._lock:
            return next((one for one in self._state.outbox if channel.name in one.waits_for), None)

    def _save(self) -> None:
        with self._lock:
            replace(state_path(self._settings), self._state)
