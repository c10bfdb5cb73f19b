"""Which certificate authorities downloads trust: the machine's own, so that a company's are among them."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

VARIABLES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def authority_bundle(environ: Mapping[str, str]) -> Path | None:
    """The PEM file of trusted authorities: one that the environment names, else the system's, else none."""
    named = [environ[variable] for variable in VARIABLES if environ.get(variable)]
    default = ssl.get_default_verify_paths().openssl_cafile
    for candidate in (*named, *SYSTEM_BUNDLES, default):
        path = Path(candidate).expanduser()
        if path.is_file():
            return path
    return None
