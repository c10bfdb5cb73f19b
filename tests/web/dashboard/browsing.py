"""A real browser over the page, and what it complains of."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from msgspec import Struct, field
from playwright.sync_api import Browser, ConsoleMessage, Page, Response

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""It is to speak with the page's own server and with nobody else."""

PATIENCE_MS = 60_000
"""What is awaited comes at once, but for a machine with much else to do."""

Theme = Literal["light", "dark"]
DESK, PHONE = (1440, 900), (360, 740)
"""Pixels: width, height."""


class Visit(Struct):
    """A page in a browser of its own: nothing is kept of earlier visits."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    """Errors and warnings on the console, and exceptions."""
    refused: list[str] = field(default_factory=list)
    """Requests that were answered with an error: status and path."""

    def go(self, view: str) -> None:
        """To a view (`/data/NAME`), through the address."""
        self.page.goto(f"{self.url}/#{view}")

    def violations(self) -> list[str]:
        """What axe-core finds serious or critical, a line each."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']}: {node['html'][:200]}"
            for one in found
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]

    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        found: int = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return found


@contextmanager
def visit(
    browser: Browser, url: str, *, theme: Theme = "light", size: tuple[int, int] = DESK
) -> Iterator[Visit]:
    """Opens nothing yet: the visit goes to its first view."""
    context = browser.new_context(
        color_scheme=theme,
        viewport={"width": size[0], "height": size[1]},
        reduced_motion="reduce",
        accept_downloads=True,
        permissions=["clipboard-read", "clipboard-write"],
    )
    context.set_default_timeout(PATIENCE_MS)
    try:
        page = context.new_page()
        made = Visit(page, url)
        page.on("console", lambda message: _console(made, message))
        page.on("response", lambda response: _answered(made, response))
        page.on("pageerror", lambda error: made.complaints.append(f"exception: {error}"))
        yield made
    finally:
        context.close()


def _console(made: Visit, message: ConsoleMessage) -> None:
    # Of requests that fail the browser says no more than that.
    if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
        made.complaints.append(f"{message.type}: {message.text}")


def _answered(made: Visit, response: Response) -> None:
    if response.status >= 400:
        made.refused.append(f"{response.status} {urlsplit(response.url).path}")


def picture(page: Page, folder: Path, name: str) -> None:
    """The whole page, as a PNG for docs/."""
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.png", full_page=True)
