"""Holds answers to the OpenAPI document."""

from __future__ import annotations

import re
from typing import Any

import httpx
import jsonschema_rs


class Contract:
    """What a document promises."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.operations: dict[str, dict[str, Any]] = {
            operation["operationId"]: operation
            for path in document["paths"].values()
            for operation in path.values()
        }
        self._paths = {
            (method.upper(), re.compile(re.sub(r"\{.*?\}", "[^/]+", path))): operation
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        }

    def resolved(self, part: dict[str, Any]) -> dict[str, Any]:
        """What a reference stands for."""
        if "$ref" not in part:
            return part
        found: Any = self.document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        return found  # type: ignore[no-any-return]

    def holds(self, schema: dict[str, Any], value: Any) -> None:
        """Raises ValidationError for a value that does not fit."""
        whole = {**schema, "components": self.document["components"]}
        jsonschema_rs.validator_for(whole, validate_formats=True).validate(value)

    def check(self, response: httpx.Response) -> str:
        """Asserts that the answer is one that its operation promises; gives the operation's id."""
        request = response.request
        operation = next(
            found
            for (method, path), found in self._paths.items()
            if method == request.method and path.fullmatch(request.url.path)
        )
        place = (request.method, request.url.path, response.status_code)
        assert str(response.status_code) in operation["responses"], place
        promised = self.resolved(operation["responses"][str(response.status_code)])
        for name, reference in promised["headers"].items():
            header = self.resolved(reference)
            if name in response.headers:
                self.holds(header["schema"], response.headers[name])
            else:
                assert not header.get("required"), (*place, name)
        media = response.headers["content-type"].partition(";")[0]
        assert media in promised["content"], (*place, media)
        schema = promised["content"][media].get("schema")
        if schema:
            self.holds(schema, response.json() if media.endswith("json") else response.text)
        return str(operation["operationId"])
