"""The real server process: it answers, beats, refuses a taken port, and leaves nothing behind."""

from __future__ import annotations

import signal
import socket
from typing import Any

import httpx
import psutil
import pytest

from contracts.errors import PortInUse
from contracts.heartbeat import read_heartbeats
from contracts.settings import Settings
from web import server

pytestmark = pytest.mark.heavy


def test_sigterm_ends_it_cleanly_with_its_sandbox(start_api: Any) -> None:
    api = start_api()
    health = api.wait()
    assert (health.status_code, health.json()["status"]) == (200, "healthy")
    assert "default-src 'none'" in health.headers["content-security-policy"]
    assert read_heartbeats(api.settings)["lakehouse-api"].pid == api.process.pid
    workers = psutil.Process(api.process.pid).children()
    assert len(workers) == 1
    api.process.send_signal(signal.SIGTERM)
    assert api.process.wait(30) == 0
    gone, alive = psutil.wait_procs(workers, timeout=30)
    assert len(gone) == 1 and not alive


def test_kill_9_leaves_no_sandbox(start_api: Any) -> None:
    api = start_api()
    api.wait()
    workers = psutil.Process(api.process.pid).children()
    bomb = "SELECT sum(hash(range) % 3) FROM range(1000000000000)"
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{api.url}/query", json={"sql": bomb}, timeout=0.5)
    api.process.kill()
    gone, alive = psutil.wait_procs(workers, timeout=30)
    assert gone and not alive


def test_a_taken_port_is_named_with_its_setting(settings: Settings, make_settings: Any) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(PortInUse, match=r"ports\.api"):
            server.run(make_settings(settings.data_root, port=other.getsockname()[1]))


def test_events_come_as_they_happen(start_api: Any) -> None:
    api = start_api()
    api.wait()
    with httpx.stream("GET", f"{api.url}/events", timeout=60) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        moments = 0
        for line in response.iter_lines():
            moments += line == "event: moment"
            if moments == 2:
                break
    api.process.send_signal(signal.SIGTERM)
    assert api.process.wait(30) == 0


def test_a_client_that_waits_is_not_taken_for_one_that_hung_up(start_api: Any) -> None:
    """As some were among some hundred GETs, when their connection was watched twice."""
    api = start_api()
    api.wait()
    with httpx.Client(base_url=api.url, trust_env=False, timeout=60) as client:
        statuses = [
            client.get(
                "/tables/event_metrics_gold/preview", params={"where": f"{number} = {number}"}
            ).status_code
            for number in range(200)
        ]
    assert statuses == [200] * 200


def test_a_client_that_hangs_up_ends_its_query(start_api: Any) -> None:
    api = start_api()
    api.wait()
    (worker,) = psutil.Process(api.process.pid).children()
    bomb = "SELECT sum(hash(range) % 3) FROM range(1000000000000)"
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{api.url}/query", json={"sql": bomb}, timeout=0.5)
    assert not psutil.wait_procs([worker], timeout=30)[1]
    assert httpx.post(f"{api.url}/query", json={"sql": "SELECT 1"}).json()["rows"] == [[1]]


def test_a_client_that_stays_is_never_taken_for_one_that_has_gone(start_api: Any) -> None:
    api = start_api(**{"api.query_rows_max": 10_000})
    api.wait()
    for number in range(60):
        small = httpx.get(f"{api.url}/tables/app_events_silver/preview", params={"limit": number + 1})
        assert small.status_code == 200, small.text
        sql = f"SELECT range + {number}, repeat('x', 100) FROM range(5000)"
        large = httpx.post(f"{api.url}/query", json={"sql": sql, "limit": 5000}, timeout=60)
        assert len(large.json()["rows"]) == 5000
