"""The report of health as a document, and the alerts with their silences."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from litestar import MediaType, Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import Meta, Struct

from contracts.settings import Settings
from lakehouse.alerts.announcements import Announcements
from lakehouse.alerts.listing import AlertList, alert_list
from lakehouse.alerts.silences import NAME_LENGTH, REASON_LENGTH, Silence, add_silence, remove_silence
from lakehouse.health.html import page
from lakehouse.health.report import Report
from web.access.scopes import CALLER
from web.health import Doctor

Form = Annotated[Literal["json", "html"], QueryParameter(description="html: one file that needs no other.")]
Everything = Annotated[bool, QueryParameter(description="Also those that were resolved in the last week.")]
SilenceId = Annotated[str, PathParameter(description="Id of a silence, as GET /alerts tells it.")]
MOST_SECONDS = 90 * 86_400


class SilenceBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /alerts/silences`."""

    rule: Annotated[
        str, Meta(min_length=1, max_length=NAME_LENGTH, description="Its name; may have wildcards.")
    ]
    subject: Annotated[
        str, Meta(min_length=1, max_length=NAME_LENGTH, description="Of the alert; may have wildcards.")
    ] = "*"
    seconds: Annotated[float, Meta(gt=0, le=MOST_SECONDS, description="How long it holds.")]
    reason: Annotated[str, Meta(min_length=1, max_length=REASON_LENGTH, description="Why; for the others.")]


@get("/health/report", operation_id="HealthReport", summary="All of the health", tags=["platform"])
async def health_report(doctor: NamedDependency[Doctor], format: Form = "json") -> Response[Report]:
    """Every service, layer, table, consumer, job and the storage, with what is wrong, in words; as JSON or as
    one HTML file."""
    found = await asyncio.to_thread(doctor.report)
    if format == "json":
        return Response(found)
    text: Any = await asyncio.to_thread(page, found)
    return Response(text, media_type=MediaType.HTML)


@get("/alerts", operation_id="Alerts", summary="Alerts and silences", tags=["platform"])
async def get_alerts(settings: NamedDependency[Settings], all: Everything = False) -> AlertList:
    """What fires, what is about to, and what is silenced; the newest first."""
    return await asyncio.to_thread(alert_list, settings, datetime.now(UTC), everything=all)


@post(
    "/alerts/silences",
    operation_id="AddSilence",
    summary="Silence alerts",
    tags=["platform"],
    status_code=200,
)
async def post_silence(
    request: Request[Any, Any, Any],
    settings: NamedDependency[Settings],
    announcements: NamedDependency[Announcements],
    data: JSONBody[SilenceBody],
) -> Silence:
    """Nobody is told of the alerts that it matches while it holds; they are found and listed all the same."""
    return await asyncio.to_thread(
        add_silence,
        settings,
        data.rule,
        data.subject,
        lasts=timedelta(seconds=data.seconds),
        by=request.scope["state"][CALLER].name,
        reason=data.reason,
        now=datetime.now(UTC),
        announcements=announcements,
    )


@delete(
    "/alerts/silences/{silence_id:str}",
    operation_id="RemoveSilence",
    summary="End a silence",
    tags=["platform"],
    status_code=200,
)
async def delete_silence(
    request: Request[Any, Any, Any],
    settings: NamedDependency[Settings],
    announcements: NamedDependency[Announcements],
    silence_id: SilenceId,
) -> AlertList:
    """Alerts that it kept quiet, and that still fire, are told of at the next sample. Answers the rest."""
    await asyncio.to_thread(
        remove_silence,
        settings,
        silence_id,
        by=request.scope["state"][CALLER].name,
        now=datetime.now(UTC),
        announcements=announcements,
    )
    return await asyncio.to_thread(alert_list, settings, datetime.now(UTC))


ROUTES = [health_report, get_alerts, post_silence, delete_silence]
