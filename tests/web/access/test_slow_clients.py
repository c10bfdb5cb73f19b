"""Idle and slow clients against the real server process: everybody else is served, and they are cut off."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import httpx
import psutil
import pytest

pytestmark = pytest.mark.heavy

IDLE = 500
HEAD = b"GET /problems/busy HTTP/1.1\r\nhost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def api(start_api: Callable[..., Any]) -> Any:
    """A server without patience."""
    limits = {"header_seconds": 1.5, "body_seconds": 1, "stall_seconds": 2, "max_connections": 900}
    started = start_api(**{f"access.{name}": value for name, value in limits.items()})
    started.wait()
    return started


@pytest.fixture
def connect(api: Any) -> Iterator[Callable[[], socket.socket]]:
    with ExitStack() as stack:

        def connected() -> socket.socket:
            return stack.enter_context(
                socket.create_connection(("127.0.0.1", api.settings.ports.api), timeout=30)
            )

        yield connected


def read_to_the_end(client: socket.socket) -> bytes:
    """What comes until the server closes the connection."""
    parts = []
    try:
        while part := client.recv(1 << 20):
            parts.append(part)
    except ConnectionError:
        pass  # closed while something was still on its way
    return b"".join(parts)


def connections(api: Any) -> int:
    port = api.settings.ports.api
    found = psutil.Process(api.process.pid).net_connections("tcp")
    return sum(each.status == psutil.CONN_ESTABLISHED and each.laddr[1] == port for each in found)


def test_500_idle_connections_take_no_place(start_api: Callable[..., Any]) -> None:
    api = start_api(**{"access.header_seconds": 600, "access.max_connections": 900})
    api.wait()
    with ExitStack() as stack:
        address = ("127.0.0.1", api.settings.ports.api)
        idle = [stack.enter_context(socket.create_connection(address, timeout=30)) for _ in range(IDLE)]
        for client in idle[::2]:  # half of them have asked something before
            client.sendall(HEAD)
        for client in idle[::2]:
            assert client.recv(12) == b"HTTP/1.1 200"
        answers = [api.get("/problems/busy").status_code for _ in range(20)]
        assert answers == [200] * 20
        assert connections(api) >= IDLE  # they were there all the while


def test_idle_connections_are_closed_in_the_end(api: Any, connect: Any) -> None:
    idle = [connect() for _ in range(20)]
    for client in idle[::2]:
        client.sendall(HEAD)
    for client in idle:
        read_to_the_end(client)


def test_more_connections_than_may_be_wait_their_turn(api: Any, connect: Any) -> None:
    for _ in range(api.settings.access.max_connections + 300):
        connect()
    assert api.get("/problems/busy").status_code == 200


def test_slow_headers_are_cut_off(api: Any, connect: Any) -> None:
    slow = [connect() for _ in range(100)]
    for client in slow:
        client.sendall(b"GET /tables HTTP/1.1\r\n")
    client = slow[0]
    client.settimeout(0.1)
    ended = False
    while not ended:  # a header now and then does not help
        assert api.get("/problems/busy").status_code == 200
        try:
            client.sendall(b"x: y\r\n")
            ended = client.recv(1000) == b""
        except TimeoutError:
            pass
        except ConnectionError:
            ended = True
    for client in slow[1:]:
        assert read_to_the_end(client) == b""


def test_a_slow_body_is_answered_408(api: Any, connect: Any) -> None:
    slow = [connect() for _ in range(50)]
    for client in slow:
        client.sendall(
            b"POST /query HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b'content-length: 1000\r\n\r\n{"sql": "'
        )
    assert api.get("/problems/busy").status_code == 200
    for client in slow:
        answer = read_to_the_end(client)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"code":"slow_body"' in answer


def test_a_body_that_comes_by_drops_is_answered_408(api: Any, connect: Any) -> None:
    client = connect()
    client.sendall(b"POST /query HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n")
    client.settimeout(0.1)
    answer = b""
    while not answer:
        client.sendall(b" ")
        try:
            answer = client.recv(1000)
        except TimeoutError:
            continue
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_who_reads_nothing_is_cut_off(api: Any, connect: Any) -> None:
    body = b'{"sql": "SELECT repeat(\'x\', 2000) FROM range(10000)"}'
    stuck = [connect() for _ in range(3)]
    for client in stuck:
        client.sendall(
            b"POST /query HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n%s" % (len(body), body)
        )
    for client in stuck:
        assert client.recv(12) == b"HTTP/1.1 200"
    ask = partial(httpx.post, f"{api.url}/query", trust_env=False, timeout=30)
    assert ask(json={"sql": "SELECT 1"}).status_code == 200
    deadline = time.monotonic() + 60
    while connections(api):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for client in stuck:
        assert len(read_to_the_end(client)) < 20_000_000
    assert ask(json={"sql": "SELECT 2"}).status_code == 200


def test_a_stop_does_not_wait_for_clients_that_hang(start_api: Callable[..., Any]) -> None:
    api = start_api(**{"access.header_seconds": 3600})
    api.wait()
    with socket.create_connection(("127.0.0.1", api.settings.ports.api)) as client:
        client.sendall(b"GET /tables HTTP/1.1\r\n")
        api.get("/problems/busy")  # the server has seen it by now
        api.process.send_signal(signal.SIGTERM)
        assert api.process.wait(60) == 0
    assert '"message":"stopped"' in api.log.read_text()
