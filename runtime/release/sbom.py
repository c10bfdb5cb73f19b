"""The software bill of materials: CycloneDX, of everything that an installed platform consists of."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec

from contracts.errors import DependencyError
from contracts.settings import Settings
from runtime.release.building import commit_time
from runtime.release.components import components
from runtime.release.tools import tools
from runtime.version import version

_PROGRAM = Path(__file__).with_name("bill.py")


def sbom(root: Path, settings: Settings, told: Callable[[str], None]) -> str:
    """The document, JSON, held to CycloneDX's own schema; the same for the same commit.

    Raises DependencyError where the tools or the jars cannot be had.
    """
    python = tools(root, told)
    parts = components(root, settings)
    asked = {"name": "dataplatform", "version": version(), "at": commit_time(root), "parts": parts}
    done = subprocess.run(
        [str(python), "-I", str(_PROGRAM)],
        input=msgspec.json.encode(asked),
        capture_output=True,
        check=False,
        env={"PATH": os.defpath},
    )
    if done.returncode:
        raise DependencyError(
            f"the bill of materials: {done.stderr.decode('utf-8', 'replace').strip()[-600:]}"
        )
    return done.stdout.decode("utf-8")
