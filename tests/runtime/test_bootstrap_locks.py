"""The committed locks: every package pinned by hash, and no address in them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = (
    "requirements.lock",
    "requirements-run.lock",
    "requirements-build.lock",
    "requirements-uv.lock",
    "requirements-docs.lock",
    "requirements-release.lock",
)


def entries(name: str) -> dict[str, list[str]]:
    """Requirement → its hashes."""
    found: dict[str, list[str]] = {}
    current = ""
    for line in (ROOT / name).read_text("utf-8").splitlines():
        if match := re.match(r"([a-z0-9][a-z0-9._-]*)==\S+", line):
            current = match[1]
            found[current] = []
        found.setdefault(current, []).extend(re.findall(r"--hash=sha256:([0-9a-f]{64})", line))
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_every_entry_has_a_hash_and_no_entry_an_address(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted-host", text)
    requirements = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    locked = entries(name)
    assert len(locked) == len(requirements) > 0
    assert all(locked.values()), [package for package, hashes in locked.items() if not hashes]


def test_every_declared_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    declared = {
        "requirements.lock": project["project"]["dependencies"] + project["dependency-groups"]["test"],
        "requirements-run.lock": project["project"]["dependencies"],
        "requirements-build.lock": project["dependency-groups"]["build"],
        "requirements-release.lock": project["dependency-groups"]["release"],
        "requirements-uv.lock": project["dependency-groups"]["installer"],
        "requirements-docs.lock": project["dependency-groups"]["docs"],
    }
    for name, requirements in declared.items():
        names = {re.split(r"[=<>!~ \[]", requirement)[0] for requirement in requirements}
        assert names <= entries(name).keys()


def test_one_lock_serves_every_supported_python() -> None:
    for line in (ROOT / "requirements.lock").read_text("utf-8").splitlines():
        assert "python_version" not in line and "python_full_version" not in line


def test_what_is_installed_to_run_is_what_was_tested() -> None:
    run, tested = entries("requirements-run.lock"), entries("requirements.lock")
    assert {name: tested.get(name) for name in run} == run
