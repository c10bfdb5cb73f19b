"""Where the API is, and who asks."""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Generator
from typing import Any

import httpx

URL = "http://127.0.0.1:8888"
URL_VARIABLE = "DP_API_URL"
KEY_VARIABLE = "DP_API_KEY"


class Bearer(httpx.Auth):
    """Adds the key to requests. Nothing shows it: not its repr, and no error."""

    def __init__(self, key: str) -> None:
        if not (key.isascii() and key.isprintable()) or " " in key:
            # Without the key: this text ends up in logs.
            raise ValueError("the key has characters that no key has")
        self._header = f"Bearer {key}"

    def __repr__(self) -> str:
        return "Bearer(…)"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = self._header
        yield request


class Target:
    """What both clients open their connections with."""

    def __init__(
        self, url: str | None, key: str | None, timeout: float, verify: ssl.SSLContext | bool
    ) -> None:
        self.url = httpx.URL(url or os.environ.get(URL_VARIABLE) or URL)
        if self.url.userinfo:
            raise ValueError("the URL holds a password; the API takes a key, which is given apart from it")
        key = (os.environ.get(KEY_VARIABLE, "") if key is None else key).strip()
        self._auth = Bearer(key) if key else None
        self.timeout = timeout
        self._verify = verify

    def __repr__(self) -> str:
        return f"url={str(self.url)!r}, key={'…' if self._auth else None}"

    def options(self) -> dict[str, Any]:
        """Arguments of an httpx client."""
        return {
            "base_url": self.url,
            "auth": self._auth,
            "timeout": self.timeout,
            "verify": self._verify,
            # A proxy of the environment cannot reach this machine's own loopback.
            "trust_env": not _is_loopback(self.url.host),
            "follow_redirects": False,
        }


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
