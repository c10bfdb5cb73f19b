"""The environment that releases are made in: tools that the platform itself does without."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from contracts.errors import NotFound
from runtime.bench.peer_environment import interpreter
from runtime.bootstrap.place import checkout, kept_folder

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
    lock = root / LOCK
    mark = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    requirements = ["--require-hashes", "--requirement", str(lock)]
    return interpreter(kept_folder("setup") / f"release-{mark}", "release tools", requirements, told)
