"""The registry's answers become ids, or errors with its own reason."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import msgspec
import pytest

from contracts.errors import ContractError, DependencyError
from contracts.settings import Registry as RegistrySettings
from contracts.settings import Settings
from kafka_cluster.registry import Registry

SETTINGS = Settings(registry=RegistrySettings(url="http://registry/v7/"))


def registry(answer: Callable[[httpx.Request], httpx.Response]) -> Registry:
    return Registry(SETTINGS, transport=httpx.MockTransport(answer))


def test_a_new_subject_is_registered_and_then_made_backward_compatible() -> None:
    calls: list[tuple[str, str, object]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append((request.method, request.url.path, msgspec.json.decode(request.content)))
        if request.method == "POST":
            return httpx.Response(200, json={"id": 7})
        first = sum(call[0] == "PUT" for call in calls) == 1
        return httpx.Response(404 if first else 200, json={"message": "no such subject"})

    with registry(answer) as client:
        assert client.register("t-value", {"type": "object"}) == 7
    config = ("PUT", "/v7/config/t-value", {"compatibility": "BACKWARD"})
    body = {"schemaType": "JSON", "schema": '{"type":"object"}'}
    assert calls == [config, ("POST", "/v7/subjects/t-value/versions", body), config]


@pytest.mark.parametrize("status", [409, 422])
def test_an_incompatible_schema_fails_with_the_registrys_reason(status: int) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            return httpx.Response(200, json={})
        return httpx.Response(status, json={"error_code": status, "message": "REQUIRED_MEMBER_ADDED at /x"})

    with registry(answer) as client, pytest.raises(ContractError, match="REQUIRED_MEMBER_ADDED at /x"):
        client.register("t-value", {})


@pytest.mark.parametrize("body", ["<html>busy</html>", '{"message":"busy"}', '["busy"]'])
def test_a_registry_in_trouble_is_a_dependency_error(body: str) -> None:
    with (
        registry(lambda _: httpx.Response(503, text=body)) as client,
        pytest.raises(DependencyError, match="busy"),
    ):
        client.subjects()


def test_a_registry_that_is_down_is_a_dependency_error() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with (
        registry(answer) as client,
        pytest.raises(DependencyError, match=r"http://registry/v7 does not answer"),
    ):
        client.subjects()
