"""The routes of the REST API, by what they are about. Handlers only translate; what they say is made
elsewhere."""

from __future__ import annotations

from litestar.handlers import BaseRouteHandler

from web.routes import audit, catalog, health_report, live, platform, quality, records, sql, tables

ROUTES: list[BaseRouteHandler] = [
    *platform.ROUTES,
    *health_report.ROUTES,
    *tables.ROUTES,
    *catalog.ROUTES,
    *quality.ROUTES,
    *sql.ROUTES,
    *audit.ROUTES,
    *live.ROUTES,
    *records.ROUTES,
]
