"""The Litestar application: routes, errors, the guard before them, OpenAPI."""

from __future__ import annotations

from pathlib import Path

from litestar import Litestar
from litestar.di import Provide
from litestar.exceptions import HTTPException, SerializationException
from litestar.types import ASGIApp

from contracts.errors import PlatformError
from contracts.settings import Settings
from kafka_cluster.cluster import ClusterManager
from lakehouse.alerts.announcements import Announcements
from lakehouse.alerts.audited import recording
from lakehouse.audit import UNRECORDED, Recorder
from lakehouse.catalog import Catalog
from web import errors, page, routes
from web.access.calls import CallLog
from web.access.exchange import SlowBody, slow_body
from web.access.guard import Guard
from web.access.ring import Clock, KeyRing, utc_now
from web.access.scopes import NeedsScope, open_places, quiet_places
from web.audit import CallAudit
from web.dead_letters import DeadLetterView
from web.health import Doctor
from web.journeys import Journeys
from web.live import Live
from web.metadata import Metadata
from web.metrics import registry
from web.openapi.rendering import openapi_config
from web.queries import Queries


def create_app(
    settings: Settings,
    queries: Queries,
    *,
    calls: CallLog | None = None,
    clock: Clock = utc_now,
    audit: Recorder = UNRECORDED,
    page_folder: Path = page.FOLDER,
) -> ASGIApp:
    """The application over open ``queries``. Its OpenAPI document is at `/schema/openapi.json`.

    The guard stands before all of it, unknown paths included. ``calls`` learns of every request, ``audit`` of
    those that are worth it and of changes; ``page_folder`` has the page's files. Raises SettingsError for
    origins that are none.
    """
    cluster = ClusterManager(settings)
    doctor = Doctor(settings, queries.snapshots, queries.datasets)
    live = Live(settings, queries, doctor)
    heard = Announcements()
    heard.subscribe(recording(audit))
    metrics = registry(settings, queries, cluster, live, doctor, audit)
    calls = calls or CallLog()
    calls.subscribe(CallAudit(audit))
    refused, journeys = DeadLetterView(settings), Journeys(settings)
    metadata = Metadata(Catalog(settings, queries.snapshots, queries.datasets), audit)
    application = Litestar(
        route_handlers=[*routes.ROUTES, *page.page_routes(page_folder)],
        middleware=[NeedsScope],
        dependencies={
            "settings": Provide(lambda: settings, sync_to_thread=False),
            "queries": Provide(lambda: queries, sync_to_thread=False),
            "cluster": Provide(lambda: cluster, sync_to_thread=False),
            "live": Provide(lambda: live, sync_to_thread=False),
            "registry": Provide(lambda: metrics, sync_to_thread=False),
            "doctor": Provide(lambda: doctor, sync_to_thread=False),
            "announcements": Provide(lambda: heard, sync_to_thread=False),
            "refused": Provide(lambda: refused, sync_to_thread=False),
            "journeys": Provide(lambda: journeys, sync_to_thread=False),
            "metadata": Provide(lambda: metadata, sync_to_thread=False),
        },
        exception_handlers={
            PlatformError: errors.platform_error,
            HTTPException: errors.http_error,
            SerializationException: errors.malformed,
            RecursionError: errors.too_deep,
            SlowBody: slow_body,
            Exception: errors.unexpected,
        },
        openapi_config=openapi_config(asks_for_keys=settings.asks_for_keys),
        request_max_body_size=settings.access.max_body_bytes,
        logging_config=None,
    )
    return Guard(
        application,
        settings,
        keys=KeyRing(settings, clock) if settings.asks_for_keys else None,
        open_places=open_places(application),
        quiet_places=quiet_places(application),
        calls=calls,
    )
