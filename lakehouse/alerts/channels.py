"""Where notices go: the log, a file of JSON lines, a webhook. One call delivers one notice, or raises
DependencyError; nothing in its message is secret."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import msgspec
from msgspec import structs
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from contracts.errors import DependencyError, NotFound, SettingsError
from contracts.settings import Settings
from lakehouse.alerts.files import alerts_folder
from lakehouse.alerts.notices import Notice, slack_body

log = logging.getLogger(__name__)

ATTEMPTS = 3
"""So often a delivery is tried at once; what fails then waits for the next minute."""
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.ERROR}


class Channel(Protocol):
    """Somewhere that notices go."""

    @property
    def name(self) -> str: ...

    @property
    def is_remote(self) -> bool:
        """Whether a delivery may take long: it has a thread of its own then."""

    def deliver(self, notice: Notice) -> None:
        """Raises DependencyError where it cannot."""


class LogChannel:
    """The log of the process; always there."""

    name = "log"
    is_remote = False

    def deliver(self, notice: Notice) -> None:
        level = logging.INFO if notice.kind != "fired" else _LEVELS[notice.severity]
        extra = {"rule": notice.rule, "subject": notice.subject, "alert": notice.kind}
        log.log(level, "alert %s", notice.headline, extra=extra)


class FileChannel:
    """JSON lines, for whatever reads files; the file is set aside when it has grown."""

    name = "file"
    is_remote = False

    def __init__(self, settings: Settings) -> None:
        self.path = alerts_folder(settings) / "notices.jsonl"
        self._most = settings.logs.max_bytes

    def deliver(self, notice: Notice) -> None:
        told = {name: value for name, value in structs.asdict(notice).items() if name != "waits_for"}
        line = msgspec.json.encode(told) + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists() and self.path.stat().st_size > self._most:
                self.path.replace(self.path.with_suffix(".1.jsonl"))
            with open(self.path, "ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise DependencyError(f"{self.path} cannot be written: {error.strerror}") from error


class WebhookChannel:
    """An HTTP endpoint that takes Slack's messages.

    Its URL is a secret: it is read from its file at each delivery, so that it can be renewed, and stands in
    no message. Redirects are not followed.
    """

    name = "webhook"
    is_remote = True

    def __init__(self, settings: Settings, attempts: int = ATTEMPTS, longest_wait: float = 5.0) -> None:
        self._file = Path(settings.alerts.webhook_file).expanduser()
        self._seconds = settings.alerts.webhook_seconds
        self._retrying = Retrying(
            stop=stop_after_attempt(attempts),
            wait=wait_exponential_jitter(
                multiplier=min(0.5, longest_wait), max=longest_wait, jitter=min(0.5, longest_wait)
            ),
            retry=retry_if_exception_type(DependencyError),
            reraise=True,
        )

    def deliver(self, notice: Notice) -> None:
        self._retrying(self._post, self._url(), slack_body(notice))

    def _url(self) -> str:
        """Raises DependencyError where the file is not there or holds no URL."""
        try:
            url = self._file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise DependencyError(f"alerts.webhook_file {self._file} cannot be read") from error
        try:
            known = urlsplit(url).scheme in ("http", "https")
        except ValueError:
            known = False
        if not known:
            raise DependencyError(f"alerts.webhook_file {self._file} holds no http(s) URL")
        return url

    def _post(self, url: str, body: object) -> None:
        import httpx  # where it is needed: it is not small

        # Its own lines name the URL.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        logging.getLogger("httpcore").setLevel(logging.WARNING)
        try:
            answer = httpx.post(url, json=body, timeout=self._seconds, follow_redirects=False)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise DependencyError(f"the webhook does not answer ({type(error).__name__})") from None
        if not 200 <= answer.status_code < 300:
            raise DependencyError(f"the webhook answers {answer.status_code}")


def channels(settings: Settings) -> list[Channel]:
    """Those that the settings ask for."""
    found: list[Channel] = [LogChannel()]
    if settings.alerts.file:
        found.append(FileChannel(settings))
    if settings.alerts.webhook_file:
        found.append(WebhookChannel(settings))
    return found


def channel_named(settings: Settings, name: str) -> Channel:
    """Raises NotFound; SettingsError for one that the settings do not ask for."""
    for channel in channels(settings):
        if channel.name == name:
            return channel
    wanted = {"webhook": "alerts.webhook_file", "file": "alerts.file"}.get(name)
    if wanted is None:
        raise NotFound(f"there is no channel {name!r}; channels: log, file, webhook")
    raise SettingsError(f"the channel {name} is off: set {wanted}", key=wanted)
