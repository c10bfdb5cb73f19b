"""Client of a Confluent-compatible schema registry, and the registration of the platform's subjects."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec

from contracts.errors import ContractError, DependencyError
from contracts.settings import Settings
from contracts.sources import SOURCES, Source
from kafka_cluster.schemas import json_schema, subject

log = logging.getLogger(__name__)

COMPATIBILITY = "BACKWARD"
SUBJECT_UNKNOWN = 404
INCOMPATIBLE = frozenset({409, 422})


class Registry:
    """The registry's API. A context manager; each call raises DependencyError where it does not answer."""

    def __init__(self, settings: Settings, *, transport: httpx.BaseTransport | None = None) -> None:
        self.url = settings.registry_url
        self._client = httpx.Client(
            timeout=httpx.Timeout(10.0, connect=2.0),
            headers={"Content-Type": "application/vnd.schemaregistry.v1+json"},
            transport=transport,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def subjects(self) -> list[str]:
        """Names of all subjects."""
        found: list[str] = self._call("GET", "/subjects").json()
        return found

    def register(self, name: str, schema: dict[str, Any]) -> int:
        """Registers a JSON Schema under a subject of compatibility BACKWARD; its id.

        The same schema again gives the same id. Raises ContractError with the registry's own reason where
        the schema is incompatible with the one before.
        """
        known = self._set_compatibility(name)
        body = {"schemaType": "JSON", "schema": msgspec.json.encode(schema).decode()}
        answer = self._call("POST", f"/subjects/{name}/versions", body, expected=INCOMPATIBLE)
        if answer.status_code in INCOMPATIBLE:
            raise ContractError(f"schema {name} is refused by the registry: {_reason(answer)}")
        if not known:
            self._set_compatibility(name)
        return int(answer.json()["id"])

    def _set_compatibility(self, name: str) -> bool:
        answer = self._call(
            "PUT", f"/config/{name}", {"compatibility": COMPATIBILITY}, expected={SUBJECT_UNKNOWN}
        )
        return answer.status_code != SUBJECT_UNKNOWN

    def _call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        expected: frozenset[int] | set[int] = frozenset(),
    ) -> httpx.Response:
        content = None if body is None else msgspec.json.encode(body)
        try:
            answer = self._client.request(method, self.url + path, content=content)
        except httpx.HTTPError as error:
            raise DependencyError(f"schema registry at {self.url} does not answer: {error}") from error
        if answer.is_error and answer.status_code not in expected:
            raise DependencyError(
                f"schema registry at {self.url}: {method} {path}: {answer.status_code} {_reason(answer)}"
            )
        return answer


def register_sources(settings: Settings, sources: Sequence[Source] = SOURCES) -> dict[str, int]:
    """Registers each source's schema; schema ids by subject.

    Raises ContractError for an incompatible change, DependencyError where the registry does not answer.
    """
    with Registry(settings) as registry:
        ids = {subject(source): registry.register(subject(source), json_schema(source)) for source in sources}
    log.info("schemas registered", extra={"subjects": ids})
    return ids


def missing_subjects(settings: Settings, sources: Sequence[Source] = SOURCES) -> list[str]:
    """Subjects of these sources that the registry does not know. Raises DependencyError where it does not
    answer."""
    with Registry(settings) as registry:
        known = set(registry.subjects())
    return [name for source in sources if (name := subject(source)) not in known]


def _reason(answer: httpx.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        return answer.text[:500]
    return str(body.get("message", body) if isinstance(body, dict) else body)[:2000]
