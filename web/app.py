"""The Litestar application: routes, errors, the guard before them, OpenAPI."""

from __future__ import annotations

from litestar import Litestar
from litestar.di import Provide
from litestar.exceptions import HTTPException, SerializationException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, YamlRenderPlugin
from litestar.types import ASGIApp

from contracts.errors import PlatformError
from contracts.settings import Settings
from kafka_cluster.cluster import ClusterManager
from lakehouse.catalog import Catalog
from web import errors, page, routes
from web.access.calls import CallLog
from web.access.exchange import SlowBody, slow_body
from web.access.guard import Guard
from web.access.ring import Clock, KeyRing, utc_now
from web.access.scopes import NeedsScope, open_places, quiet_places
from web.live import Live
from web.metadata import Metadata
from web.metrics import registry
from web.queries import Queries


def create_app(
    settings: Settings, queries: Queries, *, calls: CallLog | None = None, clock: Clock = utc_now
) -> ASGIApp:
    """The application over open ``queries``. Its OpenAPI document is at `/schema/openapi.json`.

    The guard stands before all of it, unknown paths included. ``calls`` learns of every request. Raises
    SettingsError for origins that are none.
    """
    cluster = ClusterManager(settings)
    live = Live(settings, queries)
    metrics = registry(settings, queries, cluster, live)
    metadata = Metadata(Catalog(settings, queries.snapshots, queries.datasets))
    application = Litestar(
        route_handlers=[*routes.ROUTES, *page.ROUTES],
        middleware=[NeedsScope],
        dependencies={
            "settings": Provide(lambda: settings, sync_to_thread=False),
            "queries": Provide(lambda: queries, sync_to_thread=False),
            "cluster": Provide(lambda: cluster, sync_to_thread=False),
            "live": Provide(lambda: live, sync_to_thread=False),
            "registry": Provide(lambda: metrics, sync_to_thread=False),
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
        openapi_config=OpenAPIConfig(
            title="Data platform",
            version="1",
            description="Tables, health and read-only SQL of the data platform.",
            # The renderers that draw a page load it from other sites; documents only.
            render_plugins=[JsonRenderPlugin(), YamlRenderPlugin()],
        ),
        request_max_body_size=settings.access.max_body_bytes,
        logging_config=None,
    )
    return Guard(
        application,
        settings,
        keys=KeyRing(settings, clock) if settings.asks_for_keys else None,
        open_places=open_places(application),
        quiet_places=quiet_places(application),
        calls=calls or CallLog(),
    )
