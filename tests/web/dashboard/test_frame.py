"""What is around every view: the key, the loss of the API, themes, the keyboard."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from contracts.layout import secrets_folder
from tests.web.dashboard.browsing import visit

pytestmark = pytest.mark.heavy

VIEWS = ["Live", "Business", "Data", "Lineage", "Operations", "SQL", "One event"]


@pytest.fixture(scope="module")
def api(start_api: Callable[..., Any]) -> Any:
    """A young platform: no table has been created."""
    started = start_api()
    started.wait()
    return started


@pytest.fixture
def page(browser: Browser, api: Any) -> Iterator[Page]:
    with visit(browser, api.url) as made:
        made.go("/sql")
        yield made.page
        assert made.complaints == []


def lightness(page: Page) -> int:
    """Of the page's ground, 0 to 255."""
    found: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return int(found.removeprefix("rgb(").split(",")[0])


def test_the_keyboard_reaches_every_view(page: Page) -> None:
    for name in VIEWS:
        page.get_by_role("navigation", name="Views").get_by_role("link", name=name, exact=True).focus()
        page.keyboard.press("Enter")
        expect(page).to_have_title(f"{name} · Data platform")
        # What is read out next is the view, not the navigation again.
        expect(page.locator("main")).to_be_focused()
    page.reload()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_a_theme_is_the_systems_until_one_is_chosen_and_then_stays(
    page: Page, browser: Browser, api: Any
) -> None:
    assert lightness(page) > 200
    page.get_by_role("button", name="Use the dark theme").click()
    assert lightness(page) < 50
    page.reload()
    assert lightness(page) < 50
    with visit(browser, api.url, theme="dark") as other:
        other.go("/")
        expect(other.page.get_by_role("button", name="Use the light theme")).to_be_visible()
        assert lightness(other.page) < 50


def test_a_key_is_asked_for_kept_in_the_tab_and_forgotten(
    browser: Browser, start_api: Callable[..., Any]
) -> None:
    api = start_api(**{"api.keys": True})
    api.wait()
    token = (secrets_folder(api.settings) / "api-key").read_text("utf-8").strip()
    with visit(browser, api.url) as made:
        made.go("/sql?q=SELECT%201%20AS%20one")
        page = made.page
        dialog = page.get_by_role("dialog", name="This API asks for a key")
        dialog.get_by_label("Key").fill("dp_wrong_wrong")
        dialog.get_by_role("button", name="Use it").click()
        expect(dialog.get_by_text("is not valid")).to_be_visible()
        dialog.get_by_label("Key").fill(token)
        dialog.get_by_role("button", name="Use it").click()
        expect(dialog).to_be_hidden()
        page.get_by_role("button", name="Run", exact=True).click()
        expect(page.get_by_text("1 row in")).to_be_visible()
        page.reload()
        expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()
        expect(dialog).to_be_hidden()
        stored = page.evaluate("JSON.stringify([{...localStorage}, document.cookie])")
        assert token not in stored
        page.get_by_role("button", name="Key", exact=True).click()
        dialog.get_by_role("button", name="Forget it").click()
        expect(dialog).to_be_visible()
        assert token not in page.evaluate("JSON.stringify({...sessionStorage})")
        assert made.complaints == []
        assert {line.split(" ")[0] for line in made.refused} == {"401"}


def test_the_page_says_that_the_api_is_gone_and_comes_back_by_itself(
    browser: Browser, start_api: Callable[..., Any]
) -> None:
    api = start_api()
    api.wait()
    with visit(browser, api.url) as made:
        made.go("/sql")
        expect(made.page.get_by_role("button", name="Run", exact=True)).to_be_visible()
        api.process.kill()
        api.process.wait()
        gone = made.page.get_by_text("The API does not answer. What is shown")
        expect(gone).to_be_visible()
        made.page.get_by_role("button", name="Run", exact=True).click()
        expect(made.page.get_by_role("alert")).to_contain_text("The API does not answer")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DP_")}
        again = subprocess.Popen(
            [sys.executable, "-m", "runtime", "api"],
            env=environment
            | {
                "DP_PATHS_DATA": str(api.settings.data_root),
                "DP_PORTS_API": str(api.settings.ports.api),
                "DP_KAFKA_BOOTSTRAP": api.settings.kafka.bootstrap,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            expect(gone).to_be_hidden()
            made.page.get_by_role("button", name="Run", exact=True).click()
            expect(made.page.get_by_role("alert")).to_be_hidden()
        finally:
            again.kill()
            again.wait()
        assert all("ERR_CONNECTION_REFUSED" in one for one in made.complaints), made.complaints
