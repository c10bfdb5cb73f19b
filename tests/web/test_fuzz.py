"""Schemathesis asks the real server process whatever its own OpenAPI document allows, and what it does not.

Each run says how to repeat a failing request, and always begins with the same seed.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts.secrets import secret
from tests.web.running import Running
from web.access.keys import FIRST_SECRET

SECONDS = 75
SECONDS_WITH_A_KEY = 25
LONG_SECONDS = 1200
SEED = 20251124
CHECKS = ("not_a_server_error",)
"""What every answer is held to. Once the document names every status and media type these follow:
status_code_conformance, content_type_conformance, response_schema_conformance and
response_headers_conformance."""
ENDLESS = "/events"


def fuzz(url: str, folder: Path, seconds: int, *headers: str) -> None:
    """Fails with what Schemathesis found. What it keeps for itself goes into the folder."""
    command = [str(Path(sys.executable).with_name("st")), "run", f"{url}/schema/openapi.json", "--no-color"]
    command += ["--checks", ",".join(CHECKS), "--exclude-path", ENDLESS]
    command += ["--max-time", str(seconds), "--seed", str(SEED)]
    command += [part for header in headers for part in ("--header", header)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.heavy
def test_no_request_breaks_the_server(running: Running, tmp_path: Path) -> None:
    fuzz(running.api.url, tmp_path, SECONDS)
    assert running.client.get("/health").status_code == 200


@pytest.mark.heavy
def test_no_request_with_a_key_breaks_the_server(start_api: Callable[..., Any], tmp_path: Path) -> None:
    api = start_api(**{"api.keys": True, "access.requests_per_second": 0})
    api.wait()
    key = secret(api.settings, FIRST_SECRET)
    fuzz(api.url, tmp_path, SECONDS_WITH_A_KEY, f"Authorization: Bearer {key}")
    assert api.get("/health").status_code == 200


@pytest.mark.long
@pytest.mark.timeout(LONG_SECONDS + 600)
def test_no_request_breaks_the_server_in_a_long_time(running: Running, tmp_path: Path) -> None:
    fuzz(running.api.url, tmp_path, LONG_SECONDS)
    assert running.client.get("/health").status_code == 200
