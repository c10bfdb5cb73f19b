"""Processes that are given no number take the first free one."""

from __future__ import annotations

import socket
from pathlib import Path

from contracts.configuration import load
from runtime.process_number import claim
from tests.streams.local_kafka import free_ports


def test_the_first_number_that_nobody_uses_is_taken(tmp_path: Path) -> None:
    flags = {"paths.data": str(tmp_path), "ports.worker_web": free_ports(1)[0]}
    settings = load(flags=flags, environ={}).settings
    port = settings.ports.worker_web
    assert claim(settings, "stream-worker", port, None) == 1
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port + 1))
        taken.listen()
        assert claim(settings, "stream-worker", port, None) == 3
    assert claim(settings, "stream-worker", port, None) == 2
    assert claim(settings, "stream-worker", port, 2) == 2, "a number that is given is taken as it is"
    assert claim(settings, "ingestion", free_ports(1)[0], None) == 1, "each kind has its own"
