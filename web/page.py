"""The page at `/`: three files that need nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path

from litestar import MediaType, Response, get

from web.access.scopes import OPEN

_FOLDER = Path(__file__).parent / "page"


@get("/", include_in_schema=False, opt=OPEN, media_type=MediaType.HTML)
async def page() -> Response[bytes]:
    return _file("index.html", "text/html")


@get("/page.js", include_in_schema=False, opt=OPEN)
async def script() -> Response[bytes]:
    return _file("page.js", "text/javascript")


@get("/page.css", include_in_schema=False, opt=OPEN)
async def style() -> Response[bytes]:
    return _file("page.css", "text/css")


def _file(name: str, kind: str) -> Response[bytes]:
    return Response((_FOLDER / name).read_bytes(), media_type=kind)


ROUTES = [page, script, style]
