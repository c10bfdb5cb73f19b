"""How clients prove who they are to the broker, from the settings, in the words of both client libraries."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from contracts.errors import SettingsError
from contracts.settings import Settings


def librdkafka_options(settings: Settings) -> dict[str, Any]:
    """Servers, TLS and SASL for confluent-kafka. Raises SettingsError for a missing password file."""
    kafka = settings.kafka
    options: dict[str, Any] = {
        "bootstrap.servers": settings.bootstrap_servers,
        "security.protocol": kafka.security_protocol,
    }
    if _has_tls(settings) and kafka.ssl_ca_file:
        options["ssl.ca.location"] = str(_file(kafka.ssl_ca_file, "kafka.ssl_ca_file"))
    if _has_sasl(settings):
        options |= {
            "sasl.mechanism": kafka.sasl_mechanism,
            "sasl.username": kafka.sasl_username,
            "sasl.password": _password(settings),
        }
    return options


def aiokafka_options(settings: Settings) -> dict[str, Any]:
    """The same for aiokafka."""
    kafka = settings.kafka
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers.split(","),
        "security_protocol": kafka.security_protocol,
    }
    if _has_tls(settings):
        authority = str(_file(kafka.ssl_ca_file, "kafka.ssl_ca_file")) if kafka.ssl_ca_file else None
        options["ssl_context"] = ssl.create_default_context(cafile=authority)
    if _has_sasl(settings):
        options |= {
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_username": kafka.sasl_username,
            "sasl_plain_password": _password(settings),
        }
    return options


def _has_tls(settings: Settings) -> bool:
    return settings.kafka.security_protocol in ("SSL", "SASL_SSL")


def _has_sasl(settings: Settings) -> bool:
    return settings.kafka.security_protocol in ("SASL_PLAINTEXT", "SASL_SSL")


def _password(settings: Settings) -> str:
    return _file(settings.kafka.sasl_password_file, "kafka.sasl_password_file").read_text("utf-8").strip()


def _file(name: str, key: str) -> Path:
    path = Path(name).expanduser()
    if not name or not path.is_file():
        raise SettingsError(f"setting {key}: file {name or '(none)'} does not exist", key=key)
    return path
