"""A registry behind TLS and basic authentication: let in, or told which setting is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
import trustme
from msgspec.structs import replace

from contracts.errors import DependencyError, SettingsError
from contracts.settings import Registry as RegistrySettings
from contracts.settings import Settings
from kafka_cluster.registry import Registry
from tests.kafka_cluster.tls_server import TlsServer

PASSWORD = "opens-the-registry"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("registry")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[TlsServer]:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.pem")
    trustme.CA().cert_pem.write_to_path(folder / "other-ca.pem")
    (folder / "password").write_text(f"{PASSWORD}\n")
    (folder / "wrong").write_text("something-else\n")
    with TlsServer(ca, "dp", PASSWORD) as running:
        yield running


@pytest.fixture
def right(server: TlsServer, folder: Path) -> RegistrySettings:
    return RegistrySettings(
        url=f"{server.url}/v7",
        username="dp",
        password_file=str(folder / "password"),
        ssl_ca_file=str(folder / "ca.pem"),
    )


def subjects(registry: RegistrySettings) -> list[str]:
    with Registry(Settings(registry=registry)) as client:
        return client.subjects()


def test_the_right_settings_are_let_in(right: RegistrySettings) -> None:
    assert subjects(right) == []
    from_environment = replace(right, password_file="", password=PASSWORD)
    assert subjects(from_environment) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"password_file": "{folder}/wrong"}, "registry.password_file"),
        ({"username": "", "password_file": ""}, "asks for a user"),
        ({"ssl_ca_file": "{folder}/other-ca.pem"}, "registry.ssl_ca_file"),
        ({"ssl_ca_file": ""}, "registry.ssl_ca_file"),
        ({"url": "https://localhost:{port}/v7"}, "not for the host of registry.url"),
        ({"url": "http://127.0.0.1:{port}/v7"}, "is registry.url https"),
        ({"url": "https://127.0.0.1:1/v7"}, "does not answer"),
    ],
)
def test_what_is_wrong_is_named(
    right: RegistrySettings, folder: Path, change: dict[str, str], named: str
) -> None:
    port = httpx.URL(right.url).port
    changed = {key: value.format(folder=folder, port=port) for key, value in change.items()}
    with pytest.raises(DependencyError, match=named) as raised:
        subjects(replace(right, **changed))
    assert PASSWORD not in str(raised.value)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"username": ""}, "registry.username"),
        ({"password_file": ""}, "registry.password_file"),
        ({"ssl_ca_file": "/nowhere.pem"}, "registry.ssl_ca_file"),
        ({"password": "both"}, "registry.password"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(
    right: RegistrySettings, change: dict[str, str], key: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        subjects(replace(right, **change))
    assert raised.value.key == key


@pytest.mark.parametrize("known", [True, False])
def test_a_user_who_may_only_read_needs_the_schema_to_be_there(known: bool) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "PUT" or request.url.path.endswith("/versions"):
            return httpx.Response(403, json={"message": "read only"})
        assert (request.method, request.url.path) == ("POST", "/v7/subjects/t-value")
        assert msgspec.json.decode(request.content)["schemaType"] == "JSON"
        return httpx.Response(200, json={"id": 7}) if known else httpx.Response(404, json={})

    settings = Settings(registry=RegistrySettings(url="http://registry/v7"))
    with Registry(settings, transport=httpx.MockTransport(answer)) as client:
        if known:
            assert client.register("t-value", {}) == 7
        else:
            with pytest.raises(DependencyError, match="may not write subject t-value"):
                client.register("t-value", {})
