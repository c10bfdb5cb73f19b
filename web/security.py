"""What stands before every handler: the Host header, who asks, and headers that tell browsers to be strict.

On loopback no key is asked for, so a page of another site must not reach the API through the user's browser:
the Host header has to be ours (DNS rebinding), there is no CORS, and requests that a browser calls
cross-site may not write. On any other address every request but the page and the health word needs
`Authorization: Bearer <key>`.
"""

from __future__ import annotations

import hmac
import ipaddress
from urllib.parse import urlsplit

from litestar import Request
from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from contracts.secrets import secret
from contracts.settings import Settings
from web.errors import problem

API_KEY = "api-key"
"""Name of the generated first key among the secrets."""
OPEN_PATHS = frozenset({"/", "/page.js", "/page.css", "/health"})
"""Paths that need no key: the page, which asks for one, and health, which then says one word only."""

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can reach an address that is listened on."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """Stands before the application: refuses what must not reach a handler, and sets the security headers."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        host = settings.network.host
        self._hosts = {"localhost", "127.0.0.1", "[::1]", host} if is_loopback(host) else None
        self._keys: tuple[bytes, ...] = ()
        if settings.api.keys or not is_loopback(host):
            self._keys = (secret(settings, API_KEY).encode(),)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableScopeHeaders.from_message(message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers.from_scope(scope)
        refusal = self._refusal(scope["method"], scope["path"], headers)
        if refusal is None:
            scope.setdefault("state", {})["has_key"] = not self._keys or self._knows(headers)
            await self._app(scope, receive, send_guarded)
            return
        code, message = refusal
        response = problem(code, message)
        if code == "unauthorized":
            response.headers["WWW-Authenticate"] = "Bearer"
        await response.to_asgi_response(None, Request(scope, receive=receive))(scope, receive, send_guarded)

    def _refusal(self, method: str, path: str, headers: Headers) -> tuple[str, str] | None:
        if self._hosts is not None:
            host = headers.get("host", "")
            name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
            if name.lower() not in self._hosts:
                return "misdirected", f"this server does not answer for the host {host!r}"
        if method not in ("GET", "HEAD", "OPTIONS") and _from_another_site(headers):
            return "cross_site", "requests from another site's page are refused"
        if self._keys and path not in OPEN_PATHS and not self._knows(headers):
            return "unauthorized", "this server needs a key: Authorization: Bearer <key>"
        return None

    def _knows(self, headers: Headers) -> bool:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        given = key.strip().encode()
        matches = [hmac.compare_digest(given, known) for known in self._keys]
        return scheme.lower() == "bearer" and any(matches)


def _from_another_site(headers: Headers) -> bool:
    """Whether a browser says that another site's page sends the request; programs say nothing."""
    if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        return True
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host", "")
