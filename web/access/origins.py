"""Which sites' pages may use the API through a browser.

On loopback no key is asked for, so the Host header has to be ours: else a page elsewhere could rename itself
to our address (DNS rebinding). A browser says where a page comes from; pages of origins that are
not listed may not write, and may not read what they are answered. Programs say nothing and are not meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from contracts.errors import SettingsError
from contracts.settings import Settings
from web.access.refusal import Refusal

Headers = Mapping[bytes, bytes]
Pairs = tuple[tuple[bytes, bytes], ...]

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_KEY = "access.cors_origins"
_CROSS_SITE = Refusal("cross_site", "requests from another site's page are refused")
_EXPOSED: Pairs = (
    (
        b"access-control-expose-headers",
        b"x-request-id, retry-after, x-row-count, x-truncated, x-versions, etag",
    ),
)
_PREFLIGHT: Pairs = (
    (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE"),
    (b"access-control-allow-headers", b"authorization, content-type, if-none-match, x-request-id"),
    (b"access-control-max-age", b"600"),
)


class Origins:
    """The listed origins. Raises SettingsError for what is no origin, or `*` without keys."""

    def __init__(self, settings: Settings) -> None:
        listed = {origin.strip() for origin in settings.access.cors_origins.split(",") if origin.strip()}
        for origin in listed:
            _check(origin, settings)
        self._every = "*" in listed
        self._listed = {origin.lower().encode() for origin in listed}
        host = settings.network.host
        self._hosts = {"localhost", "127.0.0.1", "[::1]", host} if settings.on_loopback else None

    def refusal(self, method: str, headers: Headers) -> Refusal | None:
        """Why a request may not come from where it comes."""
        if self._hosts is not None:
            host = headers.get(b"host", b"").decode("latin-1")
            name = host if host.endswith("]") else host.rsplit(":", 1)[0]
            if name.lower() not in self._hosts:
                return Refusal("misdirected", f"this server does not answer for the host {host[:200]!r}")
        origin = headers.get(b"origin")
        if method in _READING and not (origin and _is_preflight(method, headers)):
            return None
        if origin is not None and self.allows(origin):
            return None
        return _CROSS_SITE if _from_another_site(headers) else None

    def allows(self, origin: bytes) -> bool:
        return self._every or origin.lower() in self._listed

    def answers_preflight(self, method: str, headers: Headers) -> bool:
        """Whether this is a browser's question on behalf of a page that may use the API."""
        origin = headers.get(b"origin")
        return origin is not None and _is_preflight(method, headers) and self.allows(origin)

    def headers(self, headers: Headers, *, preflight: bool = False) -> Pairs:
        """What lets a listed origin's page read the answer; nothing for any other."""
        if not self._listed:
            return ()
        origin = headers.get(b"origin")
        if origin is None or not self.allows(origin):
            return ((b"vary", b"origin"),)
        answer = ((b"vary", b"origin"), (b"access-control-allow-origin", origin))
        return answer + (_PREFLIGHT if preflight else _EXPOSED)


def _is_preflight(method: str, headers: Headers) -> bool:
    return method == "OPTIONS" and b"access-control-request-method" in headers


def _from_another_site(headers: Headers) -> bool:
    if headers.get(b"sec-fetch-site") in (b"cross-site", b"same-site"):
        return True
    origin, host = headers.get(b"origin"), headers.get(b"host")
    return origin is not None and (not host or origin.partition(b"://")[2] != host)


def _check(origin: str, settings: Settings) -> None:
    if origin == "*":
        if not settings.asks_for_keys:
            raise SettingsError(f"{_KEY} '*' would open the API to every page: api.keys must be on", key=_KEY)
        return
    parts = urlsplit(origin)
    if (
        parts.scheme not in ("http", "https")
        or not parts.netloc
        or origin != f"{parts.scheme}://{parts.netloc}"
    ):
        raise SettingsError(f"{_KEY} {origin!r}: expected https://host[:port]", key=_KEY)
