"""The pages: `/`, and `/docs` over the OpenAPI document. Their files need nothing from elsewhere."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from litestar import Request, Response, route
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from web.access.scopes import OPEN
from web.static_files import StaticFiles, is_known

FOLDER = Path(__file__).parent / "page"
_DOCS = Path(__file__).parent / "docs_assets"
_NOT_KEPT = "no-store"
"""Of small files that keep their name when they change."""
_DAYS = "max-age=3600"
"""Of files that come from others: large, and the same until the next version."""
_FOR_EVER = "public, max-age=31536000, immutable"
"""Of files whose name has a hash of what is in them."""


def page_routes(folder: Path = FOLDER) -> list[BaseRouteHandler]:
    """Routes of the page that was built into ``folder`` (its hashed files into `assets/`), and of `/docs`."""
    page, assets = StaticFiles(folder), StaticFiles(folder / "assets")
    docs, swagger = StaticFiles(_DOCS), StaticFiles(_DOCS / "swagger-ui")

    @route("/assets/{name:str}", http_method=["GET", "HEAD"], include_in_schema=False, opt=OPEN)
    async def asset(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes | None]:
        return await _answer(request, assets, name, _FOR_EVER)

    return [
        _file("/", page, "index.html"),
        asset,
        _file("/docs", docs, "index.html"),
        _file("/docs/docs.js", docs, "docs.js"),
        _file("/docs/swagger-ui-bundle.js", swagger, "swagger-ui-bundle.js", _DAYS),
        _file("/docs/swagger-ui.css", swagger, "swagger-ui.css", _DAYS),
    ]


def _file(path: str, files: StaticFiles, name: str, keep: str = _NOT_KEPT) -> BaseRouteHandler:
    @route(path, http_method=["GET", "HEAD"], include_in_schema=False, opt=OPEN)
    async def file(request: Request[Any, Any, Any]) -> Response[bytes | None]:
        return await _answer(request, files, name, keep)

    return file


async def _answer(
    request: Request[Any, Any, Any], files: StaticFiles, name: str, keep: str
) -> Response[bytes | None]:
    found = await asyncio.to_thread(files.get, name)
    body = found.body(request.headers.get("accept-encoding", ""))
    headers = {"cache-control": keep, "etag": body.etag, "vary": "Accept-Encoding"}
    if is_known(request.headers.get("if-none-match", ""), body.etag):
        return Response(None, status_code=304, headers=headers)
    if body.coding is not None:
        headers["content-encoding"] = body.coding
    return Response(body.content, media_type=found.media_type, headers=headers)
