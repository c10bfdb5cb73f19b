"""Virtual environments beside our own, for programs that may not share ours: other systems that are measured
beside ours, and what builds the site of the documentation. Made when first wanted, then kept."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from contracts.errors import DependencyError
from runtime.bootstrap.index import no_index_argument, pip_options, uv_environment


def interpreter(folder: Path, title: str, requirements: Sequence[str], told: Callable[[str], None]) -> Path:
    """The Python of an environment with exactly these pinned packages, from the index that is configured; our
    own where there are none. Raises DependencyError where they cannot be installed here."""
    if not requirements:
        return Path(sys.executable)
    return _made(folder, title, "\n".join(requirements), list(requirements), told)


def locked_interpreter(folder: Path, title: str, lock: Path, told: Callable[[str], None]) -> Path:
    """The Python of an environment with what ``lock`` lists, each file held to its hash; made anew when the
    lock changes. Raises DependencyError where it cannot be installed here."""
    arguments = ["--require-hashes", "--requirement", str(lock)]
    return _made(folder, title, lock.read_text("utf-8"), arguments, told)


def _made(folder: Path, title: str, wanted: str, arguments: list[str], told: Callable[[str], None]) -> Path:
    python = folder / "bin" / "python"
    stamp = folder / "installed"
    if stamp.is_file() and stamp.read_text("utf-8") == wanted and os.access(python, os.X_OK):
        return python
    told(f"{title}: installing into {folder}")
    uv = Path(sys.executable).with_name("uv")
    env = _environment()
    for command in (
        [str(uv), "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
        [str(uv), "pip", "install", "--quiet", *no_index_argument(env), "--python", str(python), *arguments],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
        if done.returncode:
            raise DependencyError(f"{title} cannot be installed here: {done.stderr.strip()[-400:]}")
    stamp.write_text(wanted, "utf-8")
    return python


def _environment() -> dict[str, str]:
    """Downloads come from where our own packages did: from the index that pip is configured for."""
    command = [sys.executable, "-I", "-m", "pip", "config", "list"]
    listing = subprocess.run(command, capture_output=True, text=True, check=False)
    return uv_environment(os.environ, pip_options(listing.stdout))
