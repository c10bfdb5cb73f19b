"""`./dp` itself: which Python it goes on with, and what it says when there is none."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def fake_python(folder: Path, name: str, version: str) -> Path:
    """A program that answers the question for its version, and tells when it is handed `dp`."""
    program = folder / name
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = -c ]; then echo "{version}"; else echo "{name} runs $2"; fi\n', "utf-8"
    )
    program.chmod(0o755)
    return program


def as_old_python(path: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Runs `dp` by this Python, made to believe that it is 3.9."""
    code = (
        "import sys, runpy; sys.version_info = (3, 9, 1, 'final', 0); "
        f"sys.argv = ['dp', 'status']; runpy.run_path({str(ROOT / 'dp')!r}, run_name='__main__')"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": path, **environ},
    )


def test_parses_on_python_3_6() -> None:
    ast.parse((ROOT / "dp").read_text("utf-8"), feature_version=(3, 6))
    assert os.access(ROOT / "dp", os.X_OK)


def test_too_old_a_python_is_told_in_one_line(tmp_path: Path) -> None:
    answer = as_old_python(str(tmp_path))
    assert answer.returncode == 3
    assert answer.stdout == ""
    (line,) = answer.stderr.splitlines()
    assert "Python 3.11, 3.12 or 3.13 is needed, and this is 3.9" in line
    assert "DP_PYTHON=" in line


def test_a_newer_python_on_path_takes_over(tmp_path: Path) -> None:
    fake_python(tmp_path, "python3.12", "3 12")
    answer = as_old_python(str(tmp_path))
    assert answer.stdout == "python3.12 runs status\n", answer.stderr


def test_a_placeholder_that_does_not_run_is_passed_over(tmp_path: Path) -> None:
    broken = tmp_path / "python3.13"
    broken.write_text("#!/bin/sh\nexit 127\n", "utf-8")
    broken.chmod(0o755)
    fake_python(tmp_path, "python3.11", "3 11")
    assert as_old_python(str(tmp_path)).stdout == "python3.11 runs status\n"


@pytest.mark.parametrize(
    ("version", "said"), [("3 8", "is Python 3.8"), ("what?", "is no Python that can be run")]
)
def test_a_named_python_of_no_use_is_refused(tmp_path: Path, version: str, said: str) -> None:
    named = fake_python(tmp_path, "mine", version)
    answer = as_old_python(str(tmp_path), DP_PYTHON=str(named))
    assert answer.returncode == 3
    (line,) = answer.stderr.splitlines()
    assert said in line and str(named) in line


def test_a_named_python_wins_over_path(tmp_path: Path) -> None:
    fake_python(tmp_path, "python3.13", "3 13")
    named = fake_python(tmp_path, "mine", "3 12")
    assert as_old_python(str(tmp_path), DP_PYTHON=str(named)).stdout == "mine runs status\n"
