"""The audit log: `GET /audit`, for admins."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from contracts.settings import Settings
from lakehouse.audit.reading import Recorded, Wanted, newest

Since = Annotated[datetime | None, QueryParameter(description="Entries of this time and later (RFC 3339).")]
Until = Annotated[datetime | None, QueryParameter(description="Entries before this time.")]
Action = Annotated[
    str | None, QueryParameter(description="What was done; a pattern as of a shell: `table.*`.")
]
ByUser = Annotated[str | None, QueryParameter(description="Entries of this user.")]
OfTable = Annotated[
    str | None, QueryParameter(description="Entries about this table, key or job, and queries that read it.")
]
Most = Annotated[int, QueryParameter(ge=1, le=1000, description="Most entries.")]


@get(
    "/audit",
    operation_id="Audit",
    summary="Who did what",
    tags=["audit"],
    opt={"scope": "admin"},
)
async def get_audit(
    settings: NamedDependency[Settings],
    since: Since = None,
    until: Until = None,
    action: Action = None,
    user: ByUser = None,
    table: OfTable = None,
    limit: Most = 100,
) -> list[Recorded]:
    """Entries of the audit log, the newest first. What an entry tells is not proven here: `dp audit verify`
    does that."""
    wanted = Wanted(since=since, until=until, action=action, user=user, table=table)
    return await asyncio.to_thread(newest, settings, wanted, limit)


ROUTES = [get_audit]
