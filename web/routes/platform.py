"""How the platform is: health; who asks; and what problems mean."""

from __future__ import annotations

import asyncio
from difflib import get_close_matches
from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import PathParameter
from msgspec import Struct

from contracts.errors import NotFound
from contracts.settings import Settings
from web.access.keys import Caller, Scope
from web.access.scopes import CALLER, OPEN
from web.errors import KINDS, ProblemKind
from web.health import Doctor, Health, HealthWord

Code = Annotated[str, PathParameter(description="Code of a problem document.")]


@get("/health", operation_id="Health", summary="Is the platform well?", tags=["platform"], opt=OPEN)
async def get_health(
    request: Request[Any, Any, Any], doctor: NamedDependency[Doctor]
) -> Response[Health | HealthWord]:
    """That it answers says that the API is live. 200 while the platform is `ready` (`status` is healthy or
    degraded), 503 when it is not (failed)."""
    found = await asyncio.to_thread(doctor.health)
    status_code = 200 if found.ready else 503
    if request.scope["state"]["has_key"]:
        return Response(found, status_code=status_code)
    return Response(HealthWord(status=found.status), status_code=status_code)


class Me(Struct, kw_only=True):
    """Who asks."""

    name: str
    """The key's name; `local` on loopback where no keys are asked for, `anybody` elsewhere."""
    scope: Scope
    """What they may do: read; query: also run SQL and read rows; admin: also change things."""
    keys: bool
    """Whether this server asks for keys."""


@get("/me", operation_id="Me", summary="Who asks", tags=["platform"])
async def get_me(request: Request[Any, Any, Any], settings: NamedDependency[Settings]) -> Me:
    """Whom the server takes the caller for, so that a page knows what to offer."""
    caller: Caller = request.scope["state"][CALLER]
    return Me(name=caller.name, scope=caller.scope, keys=settings.asks_for_keys)


@get("/problems/{code:str}", operation_id="Problem", summary="A kind of problem", tags=["platform"], opt=OPEN)
async def get_problem(code: Code) -> ProblemKind:
    """What the `type` of an error document means, and what to do."""
    kind = KINDS.get(code)
    if kind is None:
        raise NotFound(f"no kind of problem is named {code!r}", suggestions=get_close_matches(code, KINDS))
    return kind


ROUTES = [get_health, get_me, get_problem]
