"""SQL through the platform's own API, as a user would ask."""

from __future__ import annotations

import time
from typing import Any, Self

import httpx

from contracts.errors import DependencyError, QueryError
from contracts.secrets import secret
from contracts.settings import Settings


class ApiClient:
    """Asks `POST /query`; a context manager."""

    def __init__(self, settings: Settings, patience_seconds: float = 30.0) -> None:
        self.url = f"{settings.api_scheme}://{settings.network.host}:{settings.ports.api}"
        self._patience = patience_seconds
        headers = {}
        if settings.asks_for_keys:
            headers["Authorization"] = f"Bearer {secret(settings, 'api-key')}"
        self._client = httpx.Client(base_url=self.url, headers=headers, timeout=120.0, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.close()

    def rows(self, sql: str) -> list[list[Any]]:
        """The rows of a query, all of them: they are asked for as one list, which no limit on rows cuts. Its
        columns need names of their own.

        An API that is away or busy is asked again for a while. Raises DependencyError when it stays away,
        QueryError when it refuses.
        """
        deadline = time.monotonic() + self._patience
        while True:
            try:
                response = self._client.post("/query", json={"sql": f"SELECT list(q) FROM ({sql}) AS q"})
                if response.status_code != 503:
                    break
                reason = response.text[:200]
            except httpx.TransportError as error:
                reason = str(error)
            if time.monotonic() > deadline:
                raise DependencyError(
                    f"the API at {self.url} does not answer ({reason}): is `dp up` running?"
                )
            time.sleep(0.5)
        if response.status_code != 200:
            raise QueryError(f"{self.url}/query: {response.text[:500]}", code="failed")
        answer = response.json()
        listed: list[dict[str, Any]] | None = answer["rows"][0][0]
        return [list(row.values()) for row in listed or ()]

    def get(self, path: str) -> Any:
        """The JSON of a GET. Raises DependencyError for an error of any kind."""
        try:
            response = self._client.get(path)
            response.raise_for_status()
            return response.json()
        except httpx.HTTPError as error:
            raise DependencyError(f"{self.url}{path}: {error}") from error
