"""The page /docs: its files are those that were reviewed, come from us alone, and show every operation."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

import web
from contracts.settings import Settings
from web.openapi.operations import OPERATIONS

ASSETS = Path(web.__file__).parent / "docs_assets"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def test_vendored_files_are_those_that_were_reviewed() -> None:
    listed = {}
    for line in (ASSETS / "checksums.sha256").read_text("utf-8").splitlines():
        digest, name = line.split("  ")
        listed[name] = digest
    there = {
        str(path.relative_to(ASSETS)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (ASSETS / "swagger-ui").iterdir()
    }
    assert there == listed
    assert {"LICENSE", "NOTICE"} <= {Path(name).name for name in there}


def test_the_lock_pins_the_version_and_no_address() -> None:
    wanted = json.loads((ASSETS / "package.json").read_text("utf-8"))["dependencies"]
    lock = (ASSETS / "package-lock.json").read_text("utf-8")
    assert wanted == json.loads(lock)["packages"][""]["dependencies"]
    assert "://" not in lock


def test_all_that_the_page_needs_comes_from_us(settings: Settings, with_client: Any) -> None:
    async def body(client: httpx.AsyncClient) -> None:
        page = await client.get("/docs")
        assert page.headers["content-type"].startswith("text/html")
        assert "<style" not in page.text and "style=" not in page.text
        scripts = re.findall(r"<script([^>]*)>(.*?)</script>", page.text)
        assert scripts and not any(inline for _, inline in scripts)
        needed = re.findall(r'(?:src|href)="(/[^"]*)"', page.text)
        kinds = {".js": "text/javascript", ".css": "text/css", ".json": "application/vnd.oai.openapi+json"}
        assert {Path(path).suffix for path in needed} == set(kinds)
        for path in needed:
            answer = await client.get(path)
            assert answer.status_code == 200 and answer.content, path
            assert answer.headers["content-type"].partition(";")[0] == kinds[Path(path).suffix]
            assert "unsafe" not in answer.headers["content-security-policy"]
        assert 'url: "/schema/openapi.json"' in (await client.get("/docs/docs.js")).text

    with_client(settings, body)


@pytest.mark.heavy
@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
def test_a_browser_shows_every_operation_and_complains_of_nothing(start_api: Any, tmp_path: Path) -> None:
    api = start_api()
    api.wait()
    shown = subprocess.run(
        [
            *(str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu", "--no-proxy-server"),
            *("--enable-logging=stderr", f"--user-data-dir={tmp_path}", "--virtual-time-budget=30000"),
            *("--dump-dom", f"{api.url}/docs#/sql/Query"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(re.findall(r'id="operations-[a-z]+-([A-Z]\w+)"', shown.stdout)) == set(OPERATIONS)
    assert "CONSOLE" not in shown.stderr
