"""The site: MkDocs with its theme, run in an environment of its own that `requirements-docs.lock` pins."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from contracts.errors import DependencyError, NotFound
from runtime.bootstrap.place import ROOT
from runtime.separate_environment import locked_interpreter

LOCK = "requirements-docs.lock"
CONFIGURATION = "mkdocs.yml"


def checkout() -> Path:
    """Where the pages are. Raises NotFound where this is an installation without them."""
    if not (ROOT / CONFIGURATION).is_file():
        raise NotFound(f"the documentation's pages are not in {ROOT}; use a checkout of the repository")
    return ROOT


def build(out: Path, told: Callable[[str], None]) -> None:
    """Writes the site to ``out``, which is emptied first. Raises DependencyError with what is wrong with the
    pages, dead links among it, or where MkDocs cannot be installed."""
    done = subprocess.run(
        # Never --quiet: MkDocs would no longer count the warnings that fail a strict build.
        _command(["build", "--strict", "--site-dir", str(out.resolve())], told),
        cwd=checkout(),
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DependencyError(f"the site cannot be built:\n{(done.stderr + done.stdout).strip()}")


def serve(address: str, told: Callable[[str], None]) -> int:
    """Serves the site and builds it anew when a page changes, until Ctrl-C; the exit code."""
    command = _command(["serve", "--dev-addr", address], told)
    try:
        return subprocess.run(command, cwd=checkout(), env=_environment(), check=False).returncode
    except KeyboardInterrupt:
        return 0


def _command(arguments: Sequence[str], told: Callable[[str], None]) -> list[str]:
    root = checkout()
    python = locked_interpreter(root / ".setup" / "docs", "what builds the site", root / LOCK, told)
    return [str(python), "-m", "mkdocs", *arguments, "--config-file", str(root / CONFIGURATION)]


def _environment() -> dict[str, str]:
    # The theme's own word on a version of MkDocs that we do not use.
    return {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
