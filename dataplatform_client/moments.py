"""The stream of moments (server-sent events) and when it is opened again."""

from __future__ import annotations

import httpx
import msgspec

from dataplatform_client.errors import ApiError, ConnectionFailed, RateLimited, Unavailable, failure_of
from dataplatform_client.platform import Moment
from dataplatform_client.retries import Retries


class Watch:
    """One watcher's stream over any number of connections. Sends and waits for nothing itself."""

    def __init__(self, retries: Retries) -> None:
        self._retries = retries
        self._failures = 0
        self._wait = 0.0
        """Seconds before the next connection, as the server said."""
        self._event = ""
        self._data: list[str] = []

    def hear(self, line: str) -> Moment | None:
        """Takes a line; gives the moment that it completes."""
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "event":
                self._event = value
            case "data":
                self._data.append(value)
            case "retry" if value.isdecimal():
                self._wait = int(value) / 1000
            case "" if not line:
                return self._complete()
        return None

    def broken(self, error: httpx.TransportError | ApiError | None, url: httpx.URL) -> float:
        """How many seconds to wait before the next connection. ``error`` is None where the stream ended.

        Raises what ended it where another connection would not help, or too many have failed in a row.
        """
        self._event, self._data = "", []
        self._failures += 1
        if isinstance(error, ApiError) and not isinstance(error, RateLimited | Unavailable):
            raise error
        if self._failures >= self._retries.attempts:
            if isinstance(error, ApiError):
                raise error
            failed = failure_of(error, url) if error else ConnectionFailed(f"{url}: the stream ends at once")
            raise failed from error
        asked = error.retry_after if isinstance(error, ApiError) else None
        growing = self._retries.first_seconds * 2.0 ** (self._failures - 1)
        return min(max(self._wait, growing, asked or 0.0), self._retries.longest_seconds)

    def _complete(self) -> Moment | None:
        event, data = self._event, "\n".join(self._data)
        self._event, self._data = "", []
        if event != "moment":
            return None
        self._failures = 0
        return msgspec.json.decode(data, type=Moment)
