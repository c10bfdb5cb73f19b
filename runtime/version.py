"""Which version this is: what pyproject.toml says, by the file of a checkout or by the installed metadata."""

from __future__ import annotations

import importlib.metadata
import subprocess
import tomllib
from pathlib import Path

from runtime.bootstrap.place import DISTRIBUTION, ROOT, checkout, is_installed

_GIT_SECONDS = 5.0


def version() -> str:
    """`0.1.0`."""
    if is_installed():
        return importlib.metadata.version(DISTRIBUTION)
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"])


def described() -> str:
    """The version, and in a checkout with git its commit: `0.1.0 (commit 0b4f5c2, changed since)`."""
    root = checkout()
    commit = _git(root, "rev-parse", "--short", "HEAD") if root is not None else ""
    if root is None or not commit:
        return version()
    changed = ", changed since" if _git(root, "status", "--porcelain", "--untracked-files=no") else ""
    return f"{version()} (commit {commit}{changed})"


def _git(root: Path, *arguments: str) -> str:
    """What git prints; empty where there is no git, or no repository of ours."""
    if not (root / ".git").exists():
        return ""
    try:
        answer = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=_GIT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
