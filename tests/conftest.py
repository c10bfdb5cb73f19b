"""Marks whatever lies in tests/system as a system test, so that no test there can forget it. Sets how many
examples a property is tried with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.examples import load_profile

SYSTEM = Path(__file__).parent / "system"

load_profile()  # before any test is imported: what a test sets of its own is on top of this


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pictures", metavar="FOLDER", help="Where the page's tests put what it looks like.")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(SYSTEM):
            item.add_marker("system")
