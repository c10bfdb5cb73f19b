"""What stands before the application: who asks, from where, how often and how much; and the log of it all.

It decides before anything is routed, so that unknown paths tell nothing either. What a route needs beyond a
valid key is checked where the route is known (`scopes`).
"""

from __future__ import annotations

import re
import secrets
import time
from typing import cast

import msgspec
from litestar import Request
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send
from msgspec import Struct

from contracts.settings import Settings
from lakehouse.health.html import STYLE_HASH
from web.access.calls import MOST_CHARACTERS, Call, CallLog
from web.access.exchange import Exchange
from web.access.keys import ANYBODY, LOCAL, Caller
from web.access.limits import RateLimits
from web.access.origins import Headers, Origins, Pairs
from web.access.refusal import Refusal
from web.access.ring import KeyRing
from web.access.scopes import CALLER, Places
from web.answers import ROWS, TABLES
from web.errors import REQUEST_ID, STATEMENT

SECURITY_HEADERS: Pairs = (
    (
        b"content-security-policy",
        # The style is that of the health report, which is one file.
        f"default-src 'none'; script-src 'self'; style-src 'self' {STYLE_HASH}; ".encode()
        + b"connect-src 'self'; img-src 'self' data:; "
        b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cache-control", b"no-store"),
)
_ONLY_TLS = (b"strict-transport-security", b"max-age=31536000")
_REQUEST_ID = re.compile(rb"(?!dp_)[A-Za-z0-9._-]{1,64}")
"""Ids of others that are taken over. A token of ours sent as one by mistake is not: ids are logged."""


class _Told(Struct):
    """The part of a problem document that the log repeats."""

    code: str
    detail: str


_told = msgspec.json.Decoder(_Told)


class Guard:
    """An ASGI application around another. ``keys`` is None where none are asked for."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        *,
        keys: KeyRing | None,
        open_places: Places,
        quiet_places: Places,
        calls: CallLog,
    ) -> None:
        self.app = app
        self._keys = keys
        self._open = open_places
        self._quiet = quiet_places
        self._calls = calls
        self._access = access = settings.access
        self._origins = Origins(settings)
        self._limits = RateLimits(access.burst_seconds)
        name = LOCAL if settings.on_loopback else ANYBODY
        self._everybody = Caller(name=name, scope="admin")
        self._limits_addresses = not settings.on_loopback
        self._headers = (*SECURITY_HEADERS, _ONLY_TLS) if access.tls_certificate else SECURITY_HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind: str = scope["type"]
        if kind == ScopeType.HTTP:
            await self._answer(cast(HTTPScope, scope), receive, send)
        elif kind != ScopeType.WEBSOCKET:  # there are none, and none may pass unseen
            await self.app(scope, receive, send)

    async def _answer(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        headers: Headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        request_id = given.decode() if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
        state = scope.setdefault("state", {})
        state[REQUEST_ID] = request_id
        method = scope["method"]
        preflight = self._origins.answers_preflight(method, headers)
        exchange = Exchange(
            receive,
            send,
            defaults=self._headers,
            added=(
                (b"x-request-id", request_id.encode()),
                *self._origins.headers(headers, preflight=preflight),
            ),
            body_seconds=self._access.body_seconds,
        )
        caller: Caller | None = None
        try:
            refusal = self._unfit(scope, headers)
            if refusal is None and not preflight:
                found = self._asking(scope["path"], headers)
                caller, refusal = (None, found) if isinstance(found, Refusal) else (found, None)
                refusal = self._too_often(scope, caller) or refusal
            if refusal is not None:
                answer = refusal.response(request_id).to_asgi_response(None, Request(scope))
                await answer(scope, exchange.receive, exchange.send)
            elif preflight:
                await exchange.send({"type": "http.response.start", "status": 204, "headers": []})
                await exchange.send({"type": "http.response.body", "body": b"", "more_body": False})
            else:
                state[CALLER] = caller
                state["has_key"] = caller is not None
                await self.app(scope, exchange.receive, exchange.send)
        finally:
            exchange.close()
            self._record(scope, exchange, caller, began)

    def _unfit(self, scope: HTTPScope, headers: Headers) -> Refusal | None:
        """What is wrong with a request whoever sends it."""
        access = self._access
        url = len(scope.get("raw_path", b"")) + len(scope["query_string"])
        if url > access.max_url_bytes:
            return Refusal("url_too_long", f"the address has {url:,} bytes; {access.max_url_bytes:,} may be")
        size = sum([len(name) + len(value) for name, value in scope["headers"]])
        if size > access.max_header_bytes:
            most = access.max_header_bytes
            return Refusal("headers_too_large", f"the headers have {size:,} bytes; {most:,} may be")
        return self._origins.refusal(scope["method"], headers)

    def _asking(self, path: str, headers: Headers) -> Caller | Refusal | None:
        """Who asks, None for somebody without a key where none is needed, or why they may not."""
        if self._keys is None:
            return self._everybody
        found = self._keys.caller(headers.get(b"authorization"))
        return None if isinstance(found, Refusal) and path in self._open else found

    def _too_often(self, scope: HTTPScope, caller: Caller | None) -> Refusal | None:
        """Whether a key, or else an address beyond loopback, asks too often."""
        rate = self._access.requests_per_second
        if caller is not None and caller.key is not None:
            who = caller.key
            rate = rate if caller.requests_per_second is None else caller.requests_per_second
        elif self._limits_addresses:
            who = _address(scope)
        else:
            return None
        wait = self._limits.wait(who, rate)
        if not wait:
            return None
        told = f"{rate:g} requests a second may be; wait {wait} s"
        return Refusal("rate_limited", told, {"Retry-After": str(wait)})

    def _record(self, scope: HTTPScope, exchange: Exchange, caller: Caller | None, began: float) -> None:
        state = scope["state"]
        statement = state.get(STATEMENT)
        told = _problem_in(exchange.problem) if exchange.problem else None
        self._calls.record(
            Call(
                request=state[REQUEST_ID],
                method=scope["method"],
                path=scope["path"][:MOST_CHARACTERS],
                status=exchange.status,
                ms=round((time.perf_counter() - began) * 1000, 3),
                bytes=exchange.bytes,
                user=caller.name if caller else None,
                client=_address(scope),
                key=caller.key if caller else None,
                statement=statement[:MOST_CHARACTERS] if statement else None,
                rows=state.get(ROWS),
                tables=state.get(TABLES),
                code=told.code if told else None,
                reason=told.detail[:MOST_CHARACTERS] if told else None,
                quiet=scope["path"] in self._quiet,
            )
        )


def _address(scope: HTTPScope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


def _problem_in(body: bytes) -> _Told | None:
    try:
        return _told.decode(body)
    except msgspec.DecodeError:
        return None  # `GET /health` answers 503 with what is wrong
