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
from web.live import Live
from web.metadata import Metadata
from web.metrics import registry
from web.queries import Queries
from web.security import Guard

MAX_BODY_BYTES = 256 * 1024


def create_app(settings: Settings, queries: Queries) -> ASGIApp:
    """The application over open ``queries``. Its OpenAPI document is at `/schema/openapi.json`.

    The guard stands before all of it, unknown paths included.
    """
    cluster = ClusterManager(settings)
    live = Live(settings, queries)
    metrics = registry(settings, queries, cluster, live)
    metadata = Metadata(Catalog(settings, queries.snapshots, queries.datasets))
    application = Litestar(
        route_handlers=[*routes.ROUTES, *page.ROUTES],
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
            Exception: errors.unexpected,
        },
        openapi_config=OpenAPIConfig(
            title="Data platform",
            version="1",
            description="Tables, health and read-only SQL of the data platform.",
            # The renderers that draw a page load it from other sites; documents only.
            render_plugins=[JsonRenderPlugin(), YamlRenderPlugin()],
        ),
        request_max_body_size=MAX_BODY_BYTES,
        logging_config=None,
    )
    return Guard(application, settings)
