"""Where events go, by the settings: a file, an HTTP endpoint, or whatever the client's own configuration
says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import RunEvent
from openlineage.client.transport.file import FileConfig, FileTransport
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport, TokenProvider

from contracts.errors import SettingsError
from contracts.settings import Settings

FILE = "events.jsonl"


class Sends(Protocol):
    """A client."""

    def emit(self, event: RunEvent) -> None:
        """Raises where the event does not arrive."""

    def close(self, timeout: float = -1.0) -> bool: ...


def file_of(settings: Settings) -> Path:
    """The newest file of events, one a line; older ones are beside it with a number."""
    return settings.data_root / "lineage" / FILE


def make_client(settings: Settings) -> Sends:
    """Opens nothing yet. Raises SettingsError where the settings do not say where to."""
    lineage = settings.lineage
    match lineage.transport:
        case "file":
            return _Files(settings)
        case "http":
            if not lineage.url:
                raise SettingsError("lineage.url is empty: name the endpoint", key="lineage.url")
            key: TokenProvider = TokenProvider({})
            if lineage.key_file:
                key = ApiKeyTokenProvider({"apiKey": Path(lineage.key_file).read_text("utf-8").strip()})
            # One try an event: those behind it wait for it.
            retry: dict[str, Any] = {"total": 0, "read": 0, "connect": 0}
            config = HttpConfig(url=lineage.url, timeout=lineage.timeout_seconds, auth=key, retry=retry)
            return OpenLineageClient(transport=HttpTransport(config))
    return OpenLineageClient()


class _Files:
    """Lines of a file, which is put aside at a size, so that no disk fills up."""

    def __init__(self, settings: Settings) -> None:
        self._path = file_of(settings)
        self._most, self._keep = settings.logs.max_bytes, settings.logs.keep
        self._client: Callable[[RunEvent], None] | None = None

    def emit(self, event: RunEvent) -> None:
        if self._client is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            transport = FileTransport(FileConfig(log_file_path=str(self._path), append=True))
            self._client = OpenLineageClient(transport=transport).emit
        self._rotate()
        self._client(event)

    def close(self, timeout: float = -1.0) -> bool:
        return True

    def _rotate(self) -> None:
        try:
            if self._path.stat().st_size < self._most:
                return
        except FileNotFoundError:
            return
        for number in range(self._keep - 1, 0, -1):
            older = self._path.with_name(f"{FILE}.{number}")
            if older.exists():
                older.replace(self._path.with_name(f"{FILE}.{number + 1}"))
        self._path.replace(self._path.with_name(f"{FILE}.1"))
