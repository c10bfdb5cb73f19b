"""The environment that releases are made in: tools that the platform itself does without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from contracts.errors import NotFound
from runtime.bootstrap.place import checkout, kept_folder
from runtime.separate_environment import locked_interpreter

LOCK = "requirements-release.lock"
RUN_LOCK = "requirements-run.lock"
"""What an installed platform needs: the constraints of the wheel."""


def needed_checkout() -> Path:
    """Raises NotFound where the code was installed: a release is made from a checkout."""
    root = checkout()
    if root is None:
        raise NotFound("a release is made from a checkout, and this is an installed dp")
    return root


def tools(root: Path, told: Callable[[str], None]) -> Path:
    """The Python of an environment with exactly what the lock lists, each file held to its hash; made when
    first wanted, and anew when the lock changes. Raises DependencyError where it cannot be installed here."""
    return locked_interpreter(kept_folder("setup") / "release", "release tools", root / LOCK, told)
