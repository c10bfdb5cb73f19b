"""The HTTP server around the application: granian in this process's loop, on a socket of ours.

Slow and idle clients must not take the places of others:

- idle connections count towards ``access.max_connections`` (granian's "backpressure", 128 by default, so
  that as many idle clients and a full backlog shut everybody else out);
- who sends headers slowly, or nothing, is cut off after ``access.header_seconds``. Granian does that for
  HTTP/1 alone, and not while it waits to see which version is spoken, so HTTP/1 is all there is;
- who sends a body slowly is answered 408 by the guard (granian has no limit);
- who takes nothing of an answer is cut off by the kernel after ``access.stall_seconds``
  (``TCP_USER_TIMEOUT``, which granian cannot set: hence the socket of ours). Not sharing the port
  (``SO_REUSEPORT``), it also is the proof that the port is free.
"""

from __future__ import annotations

import resource
import socket
import ssl
from pathlib import Path
from typing import Any

from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.net import SocketHolder  # type: ignore[attr-defined]
from granian.server.embed import Server
from litestar.types import ASGIApp

from contracts.errors import PortInUse, SettingsError
from contracts.settings import Settings

BACKLOG = 1024
"""Connections that wait to be accepted."""
OTHER_FILES = 256
"""Open files that the process needs besides its connections."""
LEAST_BUFFER_BYTES = 64 * 1024


def bound_socket(settings: Settings, service: str) -> socket.socket:
    """A socket bound to the API's address. Raises SettingsError for an unknown host, PortInUse."""
    host, port = settings.network.host, settings.ports.api
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise SettingsError(f"network.host {host!r}: {error.strerror}", key="network.host") from error
    bound = socket.socket(family, kind, protocol)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections inherit these.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    bound.setsockopt(
        socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _milliseconds(settings.access.stall_seconds)
    )
    try:
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise PortInUse(port=port, service=service, setting="ports.api") from error
    return bound


def check_tls(settings: Settings) -> None:
    """Raises SettingsError that names the setting whose file is missing or is not what it should be."""
    access = settings.access
    files = {"access.tls_certificate": access.tls_certificate, "access.tls_key": access.tls_key}
    if not any(files.values()):
        return
    for key, name in files.items():
        if not name:
            raise SettingsError(f"{key} is not set; TLS needs a certificate and its key", key=key)
        try:
            Path(name).expanduser().read_bytes()
        except OSError as error:
            raise SettingsError(f"{key} {name}: {error.strerror}", key=key) from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate, private_key = (Path(name).expanduser() for name in files.values())
    try:
        context.load_cert_chain(certificate, private_key, password="")  # else OpenSSL asks the terminal
    except (ssl.SSLError, OSError) as error:
        raise SettingsError(
            f"access.tls_certificate and access.tls_key are no certificate and its key ({error})",
            key="access.tls_key",
        ) from error


class Listener(Server):
    """Granian's embedded server: no supervisor process, no forks of a loaded process."""

    def __init__(self, application: ASGIApp, settings: Settings, bound: socket.socket) -> None:
        access = settings.access
        tls = bool(access.tls_certificate)
        self._bound = bound
        super().__init__(
            application,
            address=settings.network.host,
            port=settings.ports.api,
            interface=Interfaces.ASGINL,
            blocking_threads=1,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(
                header_read_timeout=_milliseconds(access.header_seconds),
                max_buffer_size=max(2 * (access.max_header_bytes + access.max_url_bytes), LEAST_BUFFER_BYTES),
            ),
            websockets=False,
            backlog=BACKLOG,
            backpressure=_most_connections(access.max_connections),
            ssl_cert=Path(access.tls_certificate).expanduser() if tls else None,
            ssl_key=Path(access.tls_key).expanduser() if tls else None,
            ssl_protocol_min=SSLProtocols.tls12,
            log_level=LogLevels.error,
            log_dictconfig={"formatters": {}, "handlers": {}, "loggers": {"_granian": {"propagate": True}}},
        )

    def _init_shared_socket(self) -> None:
        """Takes the place of granian's own binding."""
        self._shd: Any = SocketHolder(self._bound.detach(), False, self.backlog)  # type: ignore[call-arg]


def _most_connections(wanted: int) -> int:
    """As many as the open files of this process allow; without one left, accepting would spin."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else max(min(wanted, soft - OTHER_FILES), 1)


def _milliseconds(seconds: float) -> int:
    return max(round(seconds * 1000), 1)
