"""x"""

from pathlib import Path


def render(folder: Path) -> str:
    return (folder.parent / "benchmarks.md").read_text("utf-8")
