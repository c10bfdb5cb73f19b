"""Schemathesis over the whole document of the API, against the real server process: no answer is a server's
error, and none is other than the document says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from contracts.settings import Settings
from web.access.keys import editing_keys

SECONDS = 120
LONG_SECONDS = 1200
SEED = 20251124
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "use_after_free",
    "ignored_auth",
)


@pytest.fixture
def fuzz(tmp_path: Path, start_api: Callable[..., Any], add: Any, make_rows: Any) -> Callable[..., None]:
    """Runs it for so many seconds against a server that has data; a failing case is printed as a command."""

    def fill(settings: Settings) -> None:
        for name in ("app_events_silver", "event_metrics_gold", "daily_summary_gold", "users_bronze"):
            add(settings, name, make_rows(name, 20))

    def run(seconds: int, *, keys: bool) -> None:
        limits = {"api.query_timeout_seconds": 2, "api.query_memory_mb": 128, "api.keys": keys}
        api = start_api(**limits)
        fill(api.settings)
        headers = []
        if keys:
            with editing_keys(api.settings) as ring:
                token = ring.create("fuzz", "admin", now=datetime.now(UTC))[1]
            headers = ["--header", f"Authorization: Bearer {token}"]
        api.wait()
        # The one has no end, the other answers 503, as there is no broker; test_openapi tries it.
        command = [
            *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{api.url}/schema/openapi.json"),
            *("--checks", ",".join(CHECKS), "--seed", str(SEED), "--max-time", str(seconds)),
            *(
                "--exclude-path",
                "/events",
                "--exclude-path",
                "/dead-letters",
                "--continue-on-failure",
                "--request-timeout",
                "30",
            ),
            *("--suppress-health-check", "all", "--no-color", *headers),
        ]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-12_000:] + done.stderr[-2_000:]
        assert api.get("/health").status_code == 200
        assert "Traceback" not in api.log.read_text("utf-8")

    return run


@pytest.mark.heavy
@pytest.mark.timeout(SECONDS + 300)
def test_two_minutes_of_odd_requests_find_nothing(fuzz: Callable[..., None]) -> None:
    fuzz(SECONDS, keys=False)


@pytest.mark.long
@pytest.mark.timeout(LONG_SECONDS + 300)
@pytest.mark.parametrize("keys", [False, True])
def test_twenty_minutes_of_odd_requests_find_nothing(fuzz: Callable[..., None], keys: bool) -> None:
    fuzz(LONG_SECONDS, keys=keys)
