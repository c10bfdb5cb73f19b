"""Serves the document at `/schema/openapi.json` and `/schema/openapi.yaml`.

Open to everybody: it holds no data, and says of a platform only whether it asks for keys.
"""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Router
from litestar.enums import OpenAPIMediaType
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin

from web.access.scopes import OPEN
from web.openapi.document import DESCRIPTION, document

PATH = "/schema/openapi.json"


def openapi_config(*, asks_for_keys: bool) -> OpenAPIConfig:
    """For one application. The document is put together when it is first asked for."""
    made = _Made(asks_for_keys)
    return OpenAPIConfig(
        title="Data platform",
        version="1",
        description=DESCRIPTION,
        openapi_router=Router("/schema", route_handlers=[], include_in_schema=False, opt=OPEN),
        render_plugins=[_Json(made), _Yaml(made)],
    )


class _Made:
    """The document's bytes as JSON, once they were asked for."""

    def __init__(self, asks_for_keys: bool) -> None:
        self._asks_for_keys = asks_for_keys
        self._json: bytes | None = None

    def json(self, request: Request[Any, Any, Any], base: dict[str, Any]) -> bytes:
        if self._json is None:
            made = document(base, request.app, asks_for_keys=self._asks_for_keys)
            self._json = msgspec.json.encode(made)
        return self._json


class _Json(OpenAPIRenderPlugin):
    def __init__(self, made: _Made) -> None:
        super().__init__(path=PATH.removeprefix("/schema"), media_type=OpenAPIMediaType.OPENAPI_JSON)
        self._made = made

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return self._made.json(request, openapi_schema)


class _Yaml(OpenAPIRenderPlugin):
    def __init__(self, made: _Made) -> None:
        super().__init__(path=["/openapi.yaml", "/openapi.yml"], media_type=OpenAPIMediaType.OPENAPI_YAML)
        self._made = made

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        # Decoded anew: parts that are one object here would be written as references to each other.
        return msgspec.yaml.encode(msgspec.json.decode(self._made.json(request, openapi_schema)))
