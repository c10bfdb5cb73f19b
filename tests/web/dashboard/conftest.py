"""A browser for the tests of one module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.web.dashboard.browsing import ARGUMENTS, CHROMIUM, PATIENCE_MS


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Skips where there is none: it is the distribution's (Debian: chromium)."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield made
        finally:
            made.close()


@pytest.fixture(scope="module")
def pictures(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures go: a temporary folder, or that of `--pictures`."""
    named = request.config.getoption("--pictures")
    return Path(named) if named else tmp_path_factory.mktemp("pictures")
