"""Single records: where one event is, and what was refused."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from web.access.scopes import QUERY
from web.answers import ROWS
from web.dead_letters import DeadLetters, DeadLetterView
from web.journeys import Journey, Journeys
from web.routes.tables import as_json

EventId = Annotated[
    str, PathParameter(description="Id of an app event, a click, an external record or a change.")
]
OfSource = Annotated[str | None, QueryParameter(description="Dead letters of this source.")]
OfKind = Annotated[str | None, QueryParameter(description="Dead letters of this kind.")]
Most = Annotated[int, QueryParameter(ge=1, le=500, description="Most letters.")]


@get("/trace/{event_id:path}", operation_id="Trace", summary="Where one event is", tags=["live"], opt=QUERY)
async def get_trace(journeys: NamedDependency[Journeys], event_id: EventId) -> Response[Journey]:
    """The journey of one event: source offset, landing file, bronze, silver, the gold rows that it counts in;
    where no table has it, the dead letters whose bytes hold its id. As `dp trace --json`."""
    # A path, as ids of changes have slashes; it begins with one.
    return as_json(await journeys.get(event_id.removeprefix("/")))


@get(
    "/dead-letters", operation_id="DeadLetters", summary="What was refused, and why", tags=["live"], opt=QUERY
)
async def get_dead_letters(
    request: Request[Any, Any, Any],
    refused: NamedDependency[DeadLetterView],
    source: OfSource = None,
    kind: OfKind = None,
    limit: Most = 50,
) -> DeadLetters:
    """Records that ingestion has refused: how many for which reason, and the newest of them with their bytes.
    An answer may lag three seconds behind."""
    found = await refused.get(source, kind, limit)
    request.scope["state"][ROWS] = len(found.letters)
    return found


ROUTES = [get_trace, get_dead_letters]
