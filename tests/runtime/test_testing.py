"""`dp test`: which tests a scope takes, and that pytest's own code and paths come through."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.testing import Scope, run_pytest

TESTS = """
import pytest

def test_plain(): pass

@pytest.mark.system
def test_system(): pass

@pytest.mark.heavy
def test_heavy(): pass

@pytest.mark.long
def test_long(): assert False
"""


@pytest.mark.parametrize(
    ("scope", "summary", "code"),
    [
        ("fast", "1 passed, 3 deselected", 0),
        ("long", "1 failed, 3 passed", 1),
    ],
)
def test_scopes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], scope: Scope, summary: str, code: int
) -> None:
    (tmp_path / "test_these.py").write_text(TESTS, "utf-8")
    # As a user types it: options for pytest, and a path relative to where they are.
    arguments = ["-p", "no:cacheprovider", "-k", "plain or system or heavy or long", "test_these.py"]
    assert run_pytest(scope, arguments, base=tmp_path) == code
    assert capfd.readouterr().out.splitlines()[-1].startswith(summary)
