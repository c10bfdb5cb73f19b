"""The virtual environment of this checkout, and how to know that it is complete.

Imported on every start, so it imports next to nothing.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

LOCKS = ("requirements.lock", "requirements-build.lock", "requirements-uv.lock")


class Environment:
    """`.venv` under the root of a checkout. Making it is `runtime.bootstrap.install`'s."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)
        self.folder = self.root / ".venv"
        self.python = self.folder / "bin" / "python"
        self.uv = self.folder / "bin" / "uv"
        self.stamp = self.folder / "dp-complete"
        """Written last, with what the environment was made from."""
        self.unfinished = self.folder / "dp-unfinished"
        """There while packages are being installed: found at a start, nothing in the folder is trusted."""
        self.lock = self.root / ".setup" / "lock"
        self.log = self.root / ".setup" / "python.log"

    def is_ready(self) -> bool:
        """Whether it was completed from the locks of now, at this place, for a Python that is still there."""
        try:
            stamp = self.stamp.read_text("utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return False
        return stamp == self.identity() and os.access(self.python, os.X_OK)

    def identity(self) -> str:
        """What the stamp has to say. A change of any line means that the set-up has to look again."""
        digest = hashlib.sha256()
        for name in LOCKS:
            digest.update((self.root / name).read_bytes())
        # The resolved interpreter: a distribution's upgrade puts another Python behind the same link. The
        # root: programs in bin/ and the path file name it, so a moved or copied checkout starts over.
        return f"{digest.hexdigest()}\n{os.path.realpath(self.python)}\n{self.root}\n"
