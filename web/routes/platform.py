"""How the platform is: health; and what problems mean."""

from __future__ import annotations

import asyncio
from difflib import get_close_matches
from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import PathParameter

from contracts.errors import NotFound
from contracts.settings import Settings
from web.access.scopes import OPEN
from web.errors import KINDS, ProblemKind
from web.health import Health, HealthWord, health
from web.queries import Queries

Code = Annotated[str, PathParameter(description="Code of a problem document.")]


@get("/health", operation_id="Health", summary="Is the platform well?", tags=["platform"], opt=OPEN)
async def get_health(
    request: Request[Any, Any, Any], settings: NamedDependency[Settings], queries: NamedDependency[Queries]
) -> Response[Health | HealthWord]:
    """200 while `status` is healthy or degraded, 503 when it is failed."""
    found: Health = await asyncio.to_thread(health, settings, queries.snapshots, queries.datasets)
    status_code = 503 if found.status == "failed" else 200
    if request.scope["state"]["has_key"]:
        return Response(found, status_code=status_code)
    return Response(HealthWord(status=found.status), status_code=status_code)


@get("/problems/{code:str}", operation_id="Problem", summary="A kind of problem", tags=["platform"], opt=OPEN)
async def get_problem(code: Code) -> ProblemKind:
    """What the `type` of an error document means, and what to do."""
    kind = KINDS.get(code)
    if kind is None:
        raise NotFound(f"no kind of problem is named {code!r}", suggestions=get_close_matches(code, KINDS))
    return kind


ROUTES = [get_health, get_problem]
