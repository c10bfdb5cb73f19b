"""Fixtures of the system tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.system.bare_broker import Broker


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker without topics, for the tests of one module."""
    running = Broker(tmp_path_factory.mktemp("broker"))
    try:
        running.start("zookeeper")
        running.start("kafka")
        yield running
    finally:
        running.close()
