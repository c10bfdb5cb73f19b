"""The reference of settings has every setting as it is declared. That the page is up to date: test_pages."""

from __future__ import annotations

from contracts import configuration
from contracts.settings import Settings
from runtime.documentation import settings


def test_every_setting_has_a_row() -> None:
    rows = [line for line in settings.render().splitlines() if line.startswith("| `")]
    assert len(rows) == sum(1 for _ in configuration.load(environ={}).rows())


def test_every_setting_says_what_it_means() -> None:
    sections = {section.capitalize() for section in Settings.__struct_fields__}
    silent = [
        name
        for name, text in settings.descriptions().items()
        if name.partition(".")[0] in sections and not text
    ]
    assert silent == []
