"""How clients prove who they are to the broker, from the settings, in the words of each client library.

Every connection to a broker takes its options from here: aiokafka's, librdkafka's, Faust's (which are
aiokafka's) and those of Java programs of ours.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from contracts.errors import SettingsError
from contracts.secrets import given, given_file
from contracts.settings import Settings


def librdkafka_options(settings: Settings) -> dict[str, Any]:
    """Servers, TLS and SASL for confluent-kafka. Raises SettingsError for what is missing or unreadable."""
    kafka = settings.kafka
    options: dict[str, Any] = {
        "bootstrap.servers": settings.bootstrap_servers,
        "security.protocol": kafka.security_protocol,
    }
    if has_tls(settings):
        _tls_context(settings)  # what is wrong with the files is said by their settings' names
        authority, certificate, key = _files(settings)
        if authority is not None:
            options["ssl.ca.location"] = str(authority)
        if certificate is not None and key is not None:
            options |= {"ssl.certificate.location": str(certificate), "ssl.key.location": str(key)}
            if password := given(settings, "kafka.ssl_key_password"):
                options["ssl.key.password"] = password
    if has_sasl(settings):
        options |= {
            "sasl.mechanism": kafka.sasl_mechanism,
            "sasl.password": _password(settings),
            "sasl.username": _username(settings),
        }
    return options


def aiokafka_options(settings: Settings) -> dict[str, Any]:
    """The same for aiokafka."""
    kafka = settings.kafka
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers.split(","),
        "security_protocol": kafka.security_protocol,
    }
    if has_tls(settings):
        options["ssl_context"] = _tls_context(settings)
    if has_sasl(settings):
        options |= {
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_password": _password(settings),
            "sasl_plain_username": _username(settings),
        }
    return options


def java_options(settings: Settings) -> dict[str, str]:
    """The same for Kafka's Java client, servers left out; it reads PEM files as they are.

    Raises SettingsError where a name or password has what a JAAS line cannot carry.
    """
    kafka = settings.kafka
    options = {"security.protocol": str(kafka.security_protocol)}
    if has_tls(settings):
        authority, certificate, key = _files(settings)
        if authority is not None:
            options |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": str(authority)}
        if certificate is not None and key is not None:
            chain = certificate.read_text("ascii").replace("\n", " ").strip()
            private = key.read_text("ascii").replace("\n", " ").strip()
            options |= {
                "ssl.keystore.type": "PEM",
                "ssl.keystore.certificate.chain": chain,
                "ssl.keystore.key": private,
            }
            if password := given(settings, "kafka.ssl_key_password"):
                options["ssl.key.password"] = password
    if has_sasl(settings):
        module = "plain.PlainLoginModule" if kafka.sasl_mechanism == "PLAIN" else "scram.ScramLoginModule"
        words = {"username": _username(settings), "password": _password(settings)}
        said = " ".join(f"{name}={_quoted(text)}" for name, text in words.items())
        options |= {
            "sasl.mechanism": str(kafka.sasl_mechanism),
            "sasl.jaas.config": f"org.apache.kafka.common.security.{module} required {said};",
        }
    return options


def has_tls(settings: Settings) -> bool:
    """Whether connections to the broker are encrypted."""
    return settings.kafka.security_protocol in ("SSL", "SASL_SSL")


def has_sasl(settings: Settings) -> bool:
    """Whether clients give a name and a password to the broker."""
    return settings.kafka.security_protocol in ("SASL_PLAINTEXT", "SASL_SSL")


def _tls_context(settings: Settings) -> ssl.SSLContext:
    authority, certificate, key = _files(settings)
    try:
        context = ssl.create_default_context(cafile=authority)
    except (ssl.SSLError, OSError) as error:
        raise _unreadable("kafka.ssl_ca_file", authority, error) from error
    if certificate is not None:
        # Without a password OpenSSL would ask for it at the terminal.
        password = given(settings, "kafka.ssl_key_password")
        try:
            context.load_cert_chain(certificate, key, password=lambda: password)
        except (ssl.SSLError, OSError) as error:
            pair = f"{certificate} with {key} (kafka.ssl_key_file, kafka.ssl_key_password_file)"
            raise _unreadable("kafka.ssl_certificate_file", pair, error) from error
    return context


def _files(settings: Settings) -> tuple[Path | None, Path | None, Path | None]:
    """Authority, certificate and key."""
    authority, certificate, key = (
        given_file(settings, f"kafka.{name}")
        for name in ("ssl_ca_file", "ssl_certificate_file", "ssl_key_file")
    )
    if (certificate is None) != (key is None):
        missing = "kafka.ssl_certificate_file" if certificate is None else "kafka.ssl_key_file"
        raise SettingsError(f"setting {missing} is missing: certificate and key belong together", key=missing)
    return authority, certificate, key


def _username(settings: Settings) -> str:
    if not settings.kafka.sasl_username:
        raise _missing(settings, "kafka.sasl_username")
    return settings.kafka.sasl_username


def _password(settings: Settings) -> str:
    password = given(settings, "kafka.sasl_password")
    if not password:
        raise _missing(settings, "kafka.sasl_password_file")
    return password


def _missing(settings: Settings, key: str) -> SettingsError:
    return SettingsError(
        f"setting {key} is missing: kafka.security_protocol {settings.kafka.security_protocol} needs it",
        key=key,
    )


def _unreadable(key: str, what: object, error: Exception) -> SettingsError:
    return SettingsError(f"setting {key}: {what} cannot be used: {error}", key=key)


def _quoted(text: str) -> str:
    if any(character in text for character in "\r\n"):
        raise SettingsError(
            "kafka.sasl_username and the password must be of one line", key="kafka.sasl_username"
        )
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
