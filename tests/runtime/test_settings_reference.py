"""docs/settings.md lists every setting as it is declared."""

from __future__ import annotations

from pathlib import Path

from contracts import configuration
from contracts.settings import Settings
from runtime import settings_reference

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_is_the_rendering() -> None:
    assert PAGE.read_text("utf-8") == settings_reference.render()


def test_every_setting_has_a_row() -> None:
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    assert len(rows) == sum(1 for _ in configuration.load(environ={}).rows())


def test_every_setting_says_what_it_means() -> None:
    sections = {section.capitalize() for section in Settings.__struct_fields__}
    silent = [
        name
        for name, text in settings_reference.descriptions().items()
        if name.partition(".")[0] in sections and not text
    ]
    assert silent == []
