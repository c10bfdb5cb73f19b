"""Client of a Confluent-compatible schema registry, and the registration of the platform's subjects."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec

from contracts.errors import ContractError, DependencyError, SettingsError
from contracts.secrets import given, given_file
from contracts.settings import Settings
from contracts.sources import SOURCES, Source
from kafka_cluster.reachability import HOSTNAME_MISMATCH
from kafka_cluster.schemas import json_schema, subject

log = logging.getLogger(__name__)

COMPATIBILITY = "BACKWARD"
SUBJECT_UNKNOWN = 404
INCOMPATIBLE = frozenset({409, 422})
UNAUTHENTICATED = 401
FORBIDDEN = 403


class Registry:
    """The registry's API. A context manager; each call raises DependencyError where it does not answer."""

    def __init__(self, settings: Settings, *, transport: httpx.BaseTransport | None = None) -> None:
        self.url = settings.registry_url
        self._user = settings.registry.username
        self._client = httpx.Client(
            timeout=httpx.Timeout(10.0, connect=5.0),
            headers={"Content-Type": "application/vnd.schemaregistry.v1+json"},
            auth=_credentials(settings),
            verify=_trust(settings),
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

        The same schema again gives the same id. Where we may not write, a schema that somebody else has
        registered will do. Raises ContractError with the registry's own reason where the schema is
        incompatible with the one before.
        """
        known = self._set_compatibility(name)
        body = {"schemaType": "JSON", "schema": msgspec.json.encode(schema).decode()}
        answer = self._call("POST", f"/subjects/{name}/versions", body, expected=INCOMPATIBLE | {FORBIDDEN})
        if answer.status_code == FORBIDDEN:
            return self._registered_by_others(name, body)
        if answer.status_code in INCOMPATIBLE:
            raise ContractError(f"schema {name} is refused by the registry: {_reason(answer)}")
        if not known:
            self._set_compatibility(name)
        return int(answer.json()["id"])

    def _set_compatibility(self, name: str) -> bool:
        answer = self._call(
            "PUT",
            f"/config/{name}",
            {"compatibility": COMPATIBILITY},
            expected={SUBJECT_UNKNOWN, FORBIDDEN},
        )
        if answer.status_code == FORBIDDEN:
            log.info("the compatibility of subject %s is left as it is: %s", name, _reason(answer))
        return answer.status_code != SUBJECT_UNKNOWN

    def _registered_by_others(self, name: str, body: dict[str, Any]) -> int:
        answer = self._call("POST", f"/subjects/{name}", body, expected={SUBJECT_UNKNOWN})
        if answer.is_error:
            raise DependencyError(
                f"schema registry at {self.url}: user {self._user!r} may not write subject {name}, and our "
                "schema is not there: allow it, or have the schema registered"
            )
        return int(answer.json()["id"])

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
            raise self._unanswered(error) from error
        if answer.status_code == UNAUTHENTICATED:
            who = f"refuses user {self._user!r}" if self._user else "asks for a user"
            raise DependencyError(
                f"schema registry at {self.url} {who} (401): see registry.username and registry.password_file"
            )
        if answer.is_error and answer.status_code not in expected:
            raise DependencyError(
                f"schema registry at {self.url}: {method} {path}: {answer.status_code} {_reason(answer)}"
            )
        return answer

    def _unanswered(self, error: httpx.HTTPError) -> DependencyError:
        """What is wrong, by the name of the setting where one is."""
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, ssl.SSLError):
            cause = cause.__cause__ or cause.__context__
        where = f"schema registry at {self.url}"
        if isinstance(cause, ssl.SSLCertVerificationError):
            if cause.verify_code in HOSTNAME_MISMATCH:
                return DependencyError(
                    f"{where}: its certificate is not for the host of registry.url ({cause})"
                )
            return DependencyError(
                f"{where}: its certificate is not of an authority that is trusted ({cause.verify_message}): "
                "registry.ssl_ca_file names another, or none"
            )
        if isinstance(cause, ssl.SSLError):
            return DependencyError(f"{where} does not speak TLS there ({cause}): is registry.url http?")
        if isinstance(error, httpx.RemoteProtocolError):
            return DependencyError(f"{where} does not speak HTTP there ({error}): is registry.url https?")
        return DependencyError(f"{where} does not answer: {error}")


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


def _credentials(settings: Settings) -> httpx.BasicAuth | None:
    user, password = settings.registry.username, given(settings, "registry.password")
    if bool(user) != bool(password):
        missing = "registry.password_file" if user else "registry.username"
        raise SettingsError(f"setting {missing} is missing: user and password belong together", key=missing)
    return httpx.BasicAuth(user, password) if user else None


def _trust(settings: Settings) -> ssl.SSLContext | bool:
    if not settings.registry_url.startswith("https:"):
        return False  # nothing to check: without it an http client would load all of the system's authorities
    authority = given_file(settings, "registry.ssl_ca_file")
    try:
        return ssl.create_default_context(cafile=authority)
    except (ssl.SSLError, OSError) as error:
        raise SettingsError(
            f"setting registry.ssl_ca_file: {authority} cannot be used: {error}", key="registry.ssl_ca_file"
        ) from error


def _reason(answer: httpx.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        return answer.text[:500]
    return str(body.get("message", body) if isinstance(body, dict) else body)[:2000]
