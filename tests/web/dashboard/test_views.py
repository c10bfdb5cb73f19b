"""Every view over a real platform, in both themes, on a desk and on a phone: nothing is complained of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.system.platform_copy import PlatformCopy
from tests.web.dashboard.browsing import DESK, PHONE, Theme, picture, visit
from tests.web.dashboard.settled import QUICK, Settled

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

VIEWS = {
    "live": "/",
    "business": "/business",
    "data": "/data",
    "table": "/data/app_events_silver",
    "lineage": "/lineage",
    "operations": "/operations",
    "alerts": "/operations/alerts",
    "sql": "/sql?run=1&q=SELECT%20event_type%2C%20count(*)%20FROM%20app_events_silver%20GROUP%20BY%20ALL",
    "event": "/event",
}


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settled]:
    copy = PlatformCopy(tmp_path_factory.mktemp("platform"), **QUICK)
    try:
        copy.up("--no-simulators")
        url = f"http://127.0.0.1:{copy.settings.ports.api}"
        with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
            made = Settled(copy, client)
            made.fill()
            yield made
    finally:
        copy.end()


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_accessible_fits_and_complains_of_nothing(
    browser: Browser, settled: Settled, view: str, pictures: Path
) -> None:
    looks: list[tuple[str, Theme, tuple[int, int]]] = [
        ("", "light", DESK),
        ("-dark", "dark", DESK),
        ("-phone", "dark", PHONE),
    ]
    for suffix, theme, size in looks:
        with visit(browser, settled.url, theme=theme, size=size) as made:
            made.go(VIEWS[view])
            expect(made.page.get_by_role("heading", level=1)).to_be_visible()
            expect(made.page.get_by_text("Loading…")).to_have_count(0)
            assert made.violations() == []
            assert made.overflow() <= 0
            picture(made.page, pictures, f"{view}{suffix}")
            assert (made.complaints, made.refused) == ([], [])
