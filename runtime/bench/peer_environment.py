"""Virtual environments of other systems that are measured beside ours: made when first wanted, then kept."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from contracts.errors import DependencyError


def interpreter(folder: Path, title: str, requirements: Sequence[str], told: Callable[[str], None]) -> Path:
    """The Python of an environment with exactly these pinned packages, from the index that is configured; our
    own where there are none. Raises DependencyError where they cannot be installed here."""
    if not requirements:
        return Path(sys.executable)
    python = folder / "bin" / "python"
    stamp = folder / "installed"
    wanted = "\n".join(requirements)
    if stamp.is_file() and stamp.read_text("utf-8") == wanted:
        return python
    told(f"{title}: installing into {folder}")
    uv = Path(sys.executable).with_name("uv")
    for command in (
        [str(uv), "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
        [str(uv), "pip", "install", "--quiet", "--python", str(python), *requirements],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DependencyError(f"{title} cannot be installed here: {done.stderr.strip()[-400:]}")
    stamp.write_text(wanted, "utf-8")
    return python
