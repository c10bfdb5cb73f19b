"""The committed page is what its source makes, with the locked packages; its types are the API's own."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import web
from tests.web.openapi_contract import Contract

SOURCE = Path(web.__file__).parent / "dashboard"
PAGE = Path(web.__file__).parent / "page"
ROOT = SOURCE.parents[1]
RUNBOOKS = ROOT / "docs" / "runbooks"
"""They are part of the page."""
MOST_BYTES = 1_500_000
"""Of the whole page, compressed."""

needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="no npm here")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean copy with its packages, none of whose scripts was run."""
    root = tmp_path_factory.mktemp("source")
    folder = root / "web" / "dashboard"
    shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns("node_modules"))
    shutil.copytree(RUNBOOKS, root / RUNBOOKS.relative_to(ROOT))
    npm(folder, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
    return folder


def npm(folder: Path, *arguments: str, text: str | None = None) -> None:
    run = subprocess.run(
        ["npm", *arguments], cwd=folder, input=text, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, f"npm {' '.join(arguments)}:\n{run.stdout}\n{run.stderr}"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.heavy
@needs_npm
def test_types_lint_format_and_units(project: Path) -> None:
    npm(project, "run", "check")
    npm(project, "test")


@pytest.mark.heavy
@needs_npm
def test_the_types_are_those_of_the_document(project: Path, contract: Contract) -> None:
    before = (project / "src/api/schema.d.ts").read_text("utf-8")
    npm(project, "run", "types", text=json.dumps(contract.document))
    npm(project, "run", "format")
    assert (project / "src/api/schema.d.ts").read_text("utf-8") == before


@pytest.mark.heavy
@needs_npm
def test_the_committed_files_are_built_from_the_source(project: Path) -> None:
    npm(project, "run", "build")
    built, committed = contents(project.parent / "page"), contents(PAGE)
    assert sorted(built) == sorted(committed), "npm run build in web/dashboard, and commit web/page"
    assert built == committed


def test_the_lock_names_no_address_and_every_package_is_pinned() -> None:
    lock = json.loads((SOURCE / "package-lock.json").read_text("utf-8"))
    wanted = json.loads((SOURCE / "package.json").read_text("utf-8"))
    versions = {**wanted["dependencies"], **wanted["devDependencies"]}
    assert all(version[0].isdigit() for version in versions.values()), versions
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert all("integrity" in package and "resolved" not in package for package in packages.values())


def test_the_page_needs_nothing_from_elsewhere_and_nothing_inline() -> None:
    index = (PAGE / "index.html").read_text("utf-8")
    assert "<style" not in index and "style=" not in index and "<script>" not in index
    assert 'src="/assets/' in index and "http" not in index.replace("http-equiv", "")
