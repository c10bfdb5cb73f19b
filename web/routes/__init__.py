"""The routes of the REST API, by what they are about. Handlers only translate; what they say is made
elsewhere."""

from __future__ import annotations

from litestar.handlers import BaseRouteHandler

from web.routes import audit, catalog, live, platform, quality, sql, tables

ROUTES: list[BaseRouteHandler] = [
    *platform.ROUTES,
    *tables.ROUTES,
    *catalog.ROUTES,
    *quality.ROUTES,
    *sql.ROUTES,
    *audit.ROUTES,
    *live.ROUTES,
]
