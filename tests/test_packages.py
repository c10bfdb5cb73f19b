"""Every package of ours is in every list of packages: one that is missing is checked by nobody."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = {file.parent.name for file in ROOT.glob("*/__init__.py")}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_every_package_is_checked() -> None:
    tool = PROJECT["tool"]
    assert set(tool["importlinter"]["root_packages"]) == PACKAGES
    assert set(tool["mypy"]["packages"]) == PACKAGES
    assert set(tool["ruff"]["lint"]["isort"]["known-first-party"]) == PACKAGES | {"tests"}
    assert set(tool["hatch"]["build"]["targets"]["wheel"]["packages"]) == PACKAGES


def test_the_client_may_import_none_of_ours() -> None:
    (contract,) = (c for c in PROJECT["tool"]["importlinter"]["contracts"] if "client" in c["name"])
    assert contract["source_modules"] == ["dataplatform_client"]
    assert set(contract["forbidden_modules"]) == PACKAGES - {"dataplatform_client"}


def test_what_the_client_needs_is_what_the_platform_has() -> None:
    needs = PROJECT["project"]["optional-dependencies"]["client"]
    have = {requirement.partition(" ;")[0] for requirement in PROJECT["project"]["dependencies"]}
    assert set(needs) <= have
