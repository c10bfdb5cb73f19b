"""Ports are checked before anything starts: nothing half-started is left behind for a port."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable

from contracts.errors import DependencyError, PortInUse, SettingsError
from contracts.settings import Settings
from runtime.topology.declaration import Service


def check_ports(settings: Settings, services: Iterable[Service]) -> None:
    """Raises PortInUse for a port that is taken, SettingsError for one that two of our services want."""
    taken: dict[int, str] = {}
    for service in services:
        for port in service.ports:
            if port.number in taken:
                raise SettingsError(
                    f"port {port.number} is wanted by {taken[port.number]} and by {service.name}: "
                    f"set {port.setting} to another",
                    key=port.setting,
                )
            taken[port.number] = service.name
            _check(settings.network.host, port.number, service.name, port.setting)


def _check(host: str, port: int, service: str, setting: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As servers do: connections that were closed a moment ago are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(port=port, service=service, setting=setting) from error
            if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
                raise SettingsError(
                    f"network.host {host} is no address of this machine", key="network.host"
                ) from error
            raise DependencyError(
                f"port {port} for {service} cannot be opened ({error.strerror}): set {setting} to another"
            ) from error
