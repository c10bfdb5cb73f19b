"""The pages: `/`, and `/docs` over the OpenAPI document. Their files need nothing from elsewhere."""

from __future__ import annotations

import asyncio
from pathlib import Path

from litestar import Response, get
from litestar.handlers import BaseRouteHandler

from web.access.scopes import OPEN

_FOLDER = Path(__file__).parent
_HTML, _SCRIPT, _STYLE = "text/html", "text/javascript", "text/css"
_KEEP = {"cache-control": "max-age=3600"}
"""Of files that come from others: large, and the same until the next version."""


def _file(path: str, name: str, kind: str, headers: dict[str, str] | None = None) -> BaseRouteHandler:
    @get(path, include_in_schema=False, opt=OPEN)
    async def file() -> Response[bytes]:
        content = await asyncio.to_thread((_FOLDER / name).read_bytes)
        return Response(content, media_type=kind, headers=headers)

    return file


ROUTES = [
    _file("/", "page/index.html", _HTML),
    _file("/page.js", "page/page.js", _SCRIPT),
    _file("/page.css", "page/page.css", _STYLE),
    _file("/docs", "docs_assets/index.html", _HTML),
    _file("/docs/docs.js", "docs_assets/docs.js", _SCRIPT),
    _file("/docs/swagger-ui-bundle.js", "docs_assets/swagger-ui/swagger-ui-bundle.js", _SCRIPT, _KEEP),
    _file("/docs/swagger-ui.css", "docs_assets/swagger-ui/swagger-ui.css", _STYLE, _KEEP),
]
