"""Wheel and source distribution, byte for byte the same whoever builds a commit."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from contracts.errors import ConflictError, DependencyError
from runtime.release.tools import RUN_LOCK, tools
from runtime.version import version

CHECKSUMS = "SHA256SUMS"
NO_COMMIT = 1_577_836_800
"""2020-01-01: zip files know no time before 1980."""


def build(
    root: Path, out: Path, told: Callable[[str], None], *, changes: bool = False
) -> list[tuple[str, str]]:
    """Builds both into ``out``, and lays beside them the constraints to install them with, and checksums.

    Files have the time of the commit (or SOURCE_DATE_EPOCH), so that the same commit gives the same bytes.
    Gives name and SHA-256 of each. Raises ConflictError for a checkout with changes, unless ``changes`` are
    wanted, DependencyError where the tools cannot be had or the build fails.
    """
    if not changes and (changed := _git(root, "status", "--porcelain")):
        raise ConflictError(
            f"{len(changed.splitlines())} files are not as committed, so nobody could build the same again: "
            "commit them, or build for yourself with --with-changes"
        )
    python = tools(root, told)
    out.mkdir(parents=True, exist_ok=True)
    for old in (*out.glob("dataplatform-*"), *out.glob(CHECKSUMS)):
        old.unlink()
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    environment["SOURCE_DATE_EPOCH"] = str(commit_time(root))
    told("building wheel and source distribution")
    command = [str(python), "-I", "-m", "hatchling", "build", "-d", str(out.resolve())]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DependencyError(f"the build failed: {(done.stderr or done.stdout).strip()[-600:]}")
    shutil.copyfile(root / RUN_LOCK, out / f"dataplatform-{version()}-constraints.txt")
    return write_checksums(out)


def commit_time(root: Path) -> int:
    """Unix time of what is released: SOURCE_DATE_EPOCH, else the commit's, else that of all that has none."""
    return int(os.environ.get("SOURCE_DATE_EPOCH") or _git(root, "log", "-1", "--format=%ct") or NO_COMMIT)


def write_checksums(out: Path) -> list[tuple[str, str]]:
    """Of every file of the release; in the form of `sha256sum --check`. Gives name and SHA-256 of each."""
    files = sorted(path for path in out.glob("dataplatform-*") if path.is_file())
    found = [(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]
    (out / CHECKSUMS).write_text("".join(f"{digest}  {name}\n" for name, digest in found), "utf-8")
    return found


def _git(root: Path, *arguments: str) -> str:
    """What git prints; empty where there is no git or no repository."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
