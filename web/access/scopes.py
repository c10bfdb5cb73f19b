"""What a route needs: `open`, or a scope that the caller's key must reach.

A route says it by ``opt={"scope": …}``, or by its method: GET needs `read`, anything else `admin`, so that a
forgotten word closes a route and never opens it. The calls of open routes and of those with
``opt={"quiet": True}`` are logged at debug level.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, cast

from litestar import Litestar
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import Struct

from web.access import keys
from web.access.keys import RANKS, Caller

Need = Literal["open"] | keys.Scope
OPEN: dict[str, Any] = {"scope": "open"}
"""``opt`` of a route that needs no key: page files, the health word."""
QUERY: dict[str, Any] = {"scope": "query"}
"""``opt`` of a route that answers rows of tables."""
QUIET: dict[str, Any] = {"quiet": True}
"""``opt`` of a route that is asked again and again."""
CALLER = "caller"
"""Key of the ``Caller`` in the scope's state; None on an open route that is asked without a key."""


def need_of(handler: BaseRouteHandler) -> Need:
    """What a handler needs. Raises ValueError for a word that is no scope."""
    reads = isinstance(handler, HTTPRouteHandler) and handler.http_methods <= {"GET", "HEAD", "OPTIONS"}
    need = handler.opt.get("scope", "read" if reads else "admin")
    if need != "open" and need not in RANKS:
        raise ValueError(f"{handler}: there is no scope {need!r}")
    return cast(Need, need)


class NeedsScope:
    """Middleware around each route: lets a request through if its caller's scope is enough.

    No guard of Litestar's: for each of those it copies the handler at every request, which costs more than
    everything else here.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        need = need_of(scope["route_handler"])
        if need != "open":
            caller: Caller | None = scope["state"][CALLER]
            if caller is None:
                raise NotAuthorizedException("this needs a key")
            if RANKS[caller.scope] < RANKS[need]:
                raise PermissionDeniedException(f"this needs the scope {need}; your key has {caller.scope}")
        await self._app(scope, receive, send)


class Places(Struct, frozen=True):
    """Some paths: each exactly, and whatever lies below a prefix."""

    exact: frozenset[str]
    below: tuple[str, ...]

    def __contains__(self, path: str) -> bool:
        return path in self.exact or bool(self.below and path.startswith(self.below))


def open_places(application: Litestar) -> Places:
    """Where no key is needed. Only routes all of whose handlers are open count."""
    return _places(application, lambda handler: need_of(handler) == "open")


def quiet_places(application: Litestar) -> Places:
    """Whose calls are logged at debug level."""
    return _places(application, lambda handler: need_of(handler) == "open" or bool(handler.opt.get("quiet")))


def handlers_of(route: HTTPRoute) -> dict[str, HTTPRouteHandler]:
    """A route's handlers by method, without the framework's answer to OPTIONS, which says nothing of it."""
    return {
        method: handler
        for method, (handler, _) in route.route_handler_map.items()
        if handler.http_methods != {"OPTIONS"}
    }


def _places(application: Litestar, belongs: Callable[[BaseRouteHandler], bool]) -> Places:
    exact, below = set(), []
    for route in application.routes:
        if not isinstance(route, HTTPRoute) or not all(map(belongs, handlers_of(route).values())):
            continue
        before, parameter, _ = route.path.partition("{")
        if parameter:
            below.append(before)
        else:
            exact.add(route.path)
    return Places(exact=frozenset(exact), below=tuple(below))
