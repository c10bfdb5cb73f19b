"""The API over TLS, with a certificate made here."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.errors import SettingsError
from contracts.settings import Access, Settings
from runtime.services import service_named
from web import server

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificate")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for this host, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, "-out", made, "-keyout", key], check=True, capture_output=True)
    return made, key


def with_tls(certificate: Path | str, key: Path | str) -> Settings:
    return Settings(access=Access(tls_certificate=str(certificate), tls_key=str(key)))


@pytest.mark.heavy
@needs_openssl
def test_it_speaks_https_alone(start_api: Callable[..., Any], certificate: tuple[Path, Path]) -> None:
    trusting = ssl.create_default_context(cafile=certificate[0])
    files = {"access.tls_certificate": certificate[0], "access.tls_key": certificate[1]}
    api = start_api(trusting, **files, **{"access.header_seconds": 3600})
    assert api.url.startswith("https://")
    assert api.wait().status_code == 200
    answer = api.get("/tables")
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    assert f'"url":"{api.url}"' in api.log.read_text()
    with pytest.raises(httpx.TransportError):
        httpx.get(api.url.replace("https:", "http:") + "/health", trust_env=False)
    with pytest.raises(httpx.ConnectError, match="certificate"):
        httpx.get(f"{api.url}/health", trust_env=False)
    page = {"origin": api.url}  # its own page may write
    with httpx.Client(verify=trusting, trust_env=False) as client:
        own = client.post(f"{api.url}/query", json={"sql": "SELECT 1"}, headers=page)
    assert own.status_code == 200


@pytest.mark.heavy
@needs_openssl
def test_clients_that_begin_no_handshake_take_no_place(
    start_api: Callable[..., Any], certificate: tuple[Path, Path]
) -> None:
    trusting = ssl.create_default_context(cafile=certificate[0])
    files = {"access.tls_certificate": certificate[0], "access.tls_key": certificate[1]}
    api = start_api(trusting, **files)
    api.wait()
    idle = [socket.create_connection(("127.0.0.1", api.settings.ports.api)) for _ in range(500)]
    assert [api.get("/problems/busy").status_code for _ in range(5)] == [200] * 5
    for client in idle:
        client.close()


@needs_openssl
def test_files_that_do_not_fit_are_named(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    made, key = certificate
    encrypted, nonsense = tmp_path / "encrypted.pem", tmp_path / "nonsense.pem"
    command = ["openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:word", "-out", encrypted]
    subprocess.run(command, check=True, capture_output=True)
    nonsense.write_text("nonsense")
    wrong = {
        (made, tmp_path / "none.pem"): r"access\.tls_key .*none\.pem: No such file",
        (tmp_path / "none.pem", key): r"access\.tls_certificate .*none\.pem: No such file",
        (tmp_path, key): r"access\.tls_certificate .*Is a directory",
        (made, ""): r"access\.tls_key is not set",
        ("", key): r"access\.tls_certificate is not set",
        (nonsense, key): "no certificate and its key",
        (made, nonsense): "no certificate and its key",
        (made, encrypted): "no certificate and its key",
        (key, key): "no certificate and its key",
    }
    for files, message in wrong.items():
        with pytest.raises(SettingsError, match=message):
            server.run(with_tls(*files))


def test_the_printed_address_says_https() -> None:
    (port,) = service_named(with_tls("a", "b"), "lakehouse-api").ports
    assert port.scheme == "https"
    (port,) = service_named(Settings(), "lakehouse-api").ports
    assert port.scheme == "http"
