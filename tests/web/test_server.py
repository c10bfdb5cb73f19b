"""The real server process: it answers, beats, refuses a taken port, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from contracts.errors import PortInUse
from contracts.heartbeat import read_heartbeats
from contracts.settings import Settings
from web import server


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def process(tmp_path: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DP_")}
    environment |= {"DP_PATHS_DATA": str(tmp_path / "data"), "DP_PORTS_API": str(port)}
    with (tmp_path / "log").open("wb") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", "runtime", "api"], env=environment, stdout=log, stderr=log
        )
        yield started
        started.kill()
        started.wait()


def answer(port: int, process: subprocess.Popen[bytes]) -> httpx.Response:
    deadline = time.monotonic() + 60
    while True:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/health")
        except httpx.TransportError:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)


def test_sigterm_ends_it_cleanly_with_its_sandbox(
    process: subprocess.Popen[bytes], port: int, tmp_path: Path, make_settings: object
) -> None:
    health = answer(port, process)
    assert (health.status_code, health.json()["status"]) == (200, "healthy")
    assert "default-src 'none'" in health.headers["content-security-policy"]
    settings = make_settings(tmp_path / "data")  # type: ignore[operator]
    assert read_heartbeats(settings)["lakehouse-api"].pid == process.pid
    workers = psutil.Process(process.pid).children()
    assert len(workers) == 1
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    gone, alive = psutil.wait_procs(workers, timeout=30)
    assert len(gone) == 1 and not alive


def test_kill_9_leaves_no_sandbox(process: subprocess.Popen[bytes], port: int) -> None:
    answer(port, process)
    workers = psutil.Process(process.pid).children()
    bomb = "SELECT sum(hash(range) % 3) FROM range(1000000000000)"
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"http://127.0.0.1:{port}/query", json={"sql": bomb}, timeout=0.5)
    process.kill()
    gone, alive = psutil.wait_procs(workers, timeout=30)
    assert gone and not alive


def test_a_taken_port_is_named_with_its_setting(settings: Settings, make_settings: object, port: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(PortInUse, match=r"ports\.api"):
            server.run(make_settings(settings.data_root, port=port))  # type: ignore[operator]


def test_events_come_as_they_happen(process: subprocess.Popen[bytes], port: int) -> None:
    answer(port, process)
    with httpx.stream("GET", f"http://127.0.0.1:{port}/events", timeout=60) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        moments = 0
        for line in response.iter_lines():
            moments += line == "event: moment"
            if moments == 2:
                break
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def test_a_client_that_hangs_up_ends_its_query(process: subprocess.Popen[bytes], port: int) -> None:
    answer(port, process)
    (worker,) = psutil.Process(process.pid).children()
    bomb = "SELECT sum(hash(range) % 3) FROM range(1000000000000)"
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"http://127.0.0.1:{port}/query", json={"sql": bomb}, timeout=0.5)
    assert not psutil.wait_procs([worker], timeout=30)[1]
    assert httpx.post(f"http://127.0.0.1:{port}/query", json={"sql": "SELECT 1"}).json()["rows"] == [[1]]
