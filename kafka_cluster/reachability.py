"""Why the brokers cannot be talked to, in the words of the settings: one connection, step by step.

Clients try again whatever is wrong, and say little of it. Here a wrong password, authority, name, protocol or
mechanism is a SettingsError, which no waiting mends; a broker that is away is a DependencyError.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import Any

from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from contracts.errors import DependencyError, PlatformError, SettingsError
from contracts.settings import Settings
from kafka_cluster.security import aiokafka_options

Address = tuple[str, int]
STEP_SECONDS = 5.0
CLOSE_SECONDS = 1.0
PAUSE_SECONDS = 0.5
HOSTNAME_MISMATCH = frozenset({62, 64})
"""OpenSSL's codes for a certificate of another name or address."""
_EXPIRED = frozenset({9, 10})


def require_broker(settings: Settings, seconds: float = 10.0) -> None:
    """Returns when a broker of `kafka.bootstrap` has answered a request of ours; waits for one that is away.

    Raises SettingsError that names the setting that is wrong, at once; DependencyError after ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            asyncio.run(probe(settings))
        except DependencyError:
            if time.monotonic() + PAUSE_SECONDS >= deadline:
                raise
            time.sleep(PAUSE_SECONDS)
        else:
            return


async def probe(settings: Settings) -> None:
    """Asks each bootstrap server in turn until one answers, then brokers under the names that they give
    themselves until one answers; each has ``STEP_SECONDS``.

    Raises SettingsError for what a change of settings mends, else DependencyError.
    """
    servers = [_address(server) for server in settings.bootstrap_servers.split(",")]
    announced = await _first_answer(settings, servers, "")
    if announced and not announced & set(servers):
        await _first_answer(settings, sorted(announced), ", as which the cluster announces it,")


async def _first_answer(settings: Settings, servers: list[Address], how: str) -> set[Address]:
    """The brokers' own names for themselves, of the first server that answers."""
    options = aiokafka_options(settings)
    del options["bootstrap_servers"]
    reasons: list[PlatformError] = []
    for host, port in servers:
        try:
            return await asyncio.wait_for(_ask(host, port, options), STEP_SECONDS)
        except (KafkaError, OSError) as error:  # a TimeoutError is an OSError
            reasons.append(_reason(settings, f"{host}:{port}{how}", host, error))
    wrong = [reason for reason in reasons if isinstance(reason, SettingsError)]
    raise wrong[0] if wrong else DependencyError("; ".join(map(str, reasons)))


async def _ask(host: str, port: int, options: dict[str, Any]) -> set[Address]:
    connection = AIOKafkaConnection(
        host, port, client_id="dp-probe", request_timeout_ms=int(STEP_SECONDS * 1000), **options
    )
    try:
        await connection.connect()
        answer = await connection.send(MetadataRequest([]))
    finally:
        connection.close()
        if connection._protocol is not None:
            # TLS is ended in words; the event loop must not go before.
            await asyncio.wait([connection._closed_fut], timeout=CLOSE_SECONDS)
    return {(str(broker[1]), int(broker[2])) for broker in answer.brokers}


def _address(server: str) -> Address:
    host, _, port = server.strip().rpartition(":")
    if not host or not port.isdecimal():
        raise SettingsError(f"kafka.bootstrap {server!r}: expected host:port", key="kafka.bootstrap")
    return host.strip("[]"), int(port)


def _reason(settings: Settings, server: str, host: str, error: BaseException) -> PlatformError:
    kafka = settings.kafka
    at = f"the broker at {server}"
    cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
    match error, cause:
        case ssl.SSLCertVerificationError(), _:
            return _certificate(server, host, error)
        case SaslAuthenticationFailed(), _:
            return SettingsError(
                f"{at} refuses user {kafka.sasl_username!r} ({error}): kafka.sasl_username, its password "
                f"(kafka.sasl_password_file) or kafka.sasl_mechanism {kafka.sasl_mechanism} is wrong",
                key="kafka.sasl_password_file",
            )
        case UnsupportedSaslMechanismError(), _:
            return SettingsError(
                f"{at} does not know kafka.sasl_mechanism {kafka.sasl_mechanism}", key="kafka.sasl_mechanism"
            )
        case IllegalSaslStateError(), _:
            return SettingsError(
                f"{at} asks for no SASL on this port: kafka.security_protocol {kafka.security_protocol} "
                "is wrong",
                key="kafka.security_protocol",
            )
        case _, asyncio.IncompleteReadError(partial=partial) if partial:
            return SettingsError(
                f"{at} speaks TLS on this port: kafka.security_protocol {kafka.security_protocol} is wrong",
                key="kafka.security_protocol",
            )
        case _, ssl.SSLError() if "ALERT" in str(cause).upper():
            return SettingsError(
                f"{at} ends the TLS connection ({cause}): it wants a client's certificate that it trusts "
                "(kafka.ssl_certificate_file, kafka.ssl_key_file)",
                key="kafka.ssl_certificate_file",
            )
        case _, ssl.SSLError():
            return SettingsError(
                f"{at} does not speak TLS on this port ({cause}): kafka.security_protocol "
                f"{kafka.security_protocol} is wrong",
                key="kafka.security_protocol",
            )
        case (KafkaError() | ConnectionResetError(), _):
            return DependencyError(
                f"{at} ends the connection: is it up, and does kafka.security_protocol "
                f"{kafka.security_protocol} fit this port?"
            )
        case _:
            what = "no answer in time" if isinstance(error, TimeoutError) else _text(error)
            return DependencyError(f"no broker answers at {server} (kafka.bootstrap): {what}")


def _certificate(server: str, host: str, error: BaseException) -> SettingsError:
    code = getattr(error, "verify_code", 0)
    said = getattr(error, "verify_message", "") or str(error)
    if code in HOSTNAME_MISMATCH:
        return SettingsError(
            f"the certificate of the broker at {server} is not for {host} ({said}): kafka.bootstrap has to "
            "name it as its certificate does",
            key="kafka.bootstrap",
        )
    if code in _EXPIRED:
        return SettingsError(
            f"the certificate of the broker at {server} is not valid now ({said})", key="kafka.bootstrap"
        )
    return SettingsError(
        f"the certificate of the broker at {server} is not of an authority that is trusted ({said}): "
        "kafka.ssl_ca_file names another, or none",
        key="kafka.ssl_ca_file",
    )


def _text(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
