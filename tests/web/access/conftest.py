"""The application with a clock that stands still, and callers with all kinds of keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.settings import Access, Api, Network, Paths, Ports, Settings
from web.access.calls import Call, CallLog
from web.access.keys import editing_keys
from web.app import create_app
from web.queries import open_queries

HOST = "platform.example:26010"


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **span: float) -> None:
        self.now += timedelta(**span)


Body = Callable[[httpx.AsyncClient], Coroutine[Any, Any, Any]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def calls() -> list[Call]:
    """Every call to the application of `ask`."""
    return []


@pytest.fixture
def guarded(tmp_path: Path) -> Callable[..., Settings]:
    """Settings of an API that asks for keys, with what `access` is given."""

    def settings(*, host: str = "0.0.0.0", keys: bool = False, **access: Any) -> Settings:
        return Settings(
            paths=Paths(data=str(tmp_path / "data")),
            network=Network(host=host),
            ports=Ports(api=26010),
            api=Api(query_memory_mb=128, keys=keys),
            access=Access(**({"requests_per_second": 0} | access)),
        )

    return settings


@pytest.fixture
def ask(clock: Clock, calls: list[Call]) -> Callable[..., Any]:
    """Runs ``body(client)`` against the application."""

    def run(settings: Settings, body: Body, host: str = HOST) -> Any:
        async def opened() -> Any:
            async with open_queries(settings, workers=1, warm=False) as queries:
                application = create_app(settings, queries, calls=CallLog(calls.append), clock=clock)
                transport = httpx.ASGITransport(application, raise_app_exceptions=False)
                async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
                    return await body(client)

        return asyncio.run(opened())

    return run


@pytest.fixture
def make_key(clock: Clock) -> Callable[..., str]:
    """Makes a key and gives its token: (settings, name, scope, **what create takes)."""

    def make(settings: Settings, name: str, scope: Any = "read", **values: Any) -> str:
        with editing_keys(settings) as keys:
            return keys.create(name, scope, now=clock.now, **values)[1]

    return make


@pytest.fixture
def bearing() -> Callable[[str], dict[str, str]]:
    """The header that a token is sent in."""
    return lambda token: {"authorization": f"Bearer {token}"}
