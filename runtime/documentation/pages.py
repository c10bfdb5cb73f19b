"""Every page that is made of declarations: how it is written, and how it is known to be up to date."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from runtime.documentation import alerts, api, benchmarks, commands, datasets, settings, topics

FOLDER = "docs"
DATASETS = "datasets"
"""The folder of which all pages are made: one that no declaration asks for is removed."""


class Difference(Struct, frozen=True):
    """A page that is not what it would be made to be."""

    page: str
    """Path below the root of the checkout."""
    is_what: str


def rendered(root: Path) -> dict[str, str]:
    """Path below `docs/` → the whole page. ``root``: of the checkout, which has the benchmarks' results."""
    return {
        "settings.md": settings.render(),
        "commands.md": commands.render(),
        "api-reference.md": api.render(),
        "topics.md": topics.render(),
        "alerts.md": alerts.render(),
        "benchmarks.md": benchmarks.render(root / FOLDER / "benchmarks"),
        **{f"{DATASETS}/{name}": text for name, text in datasets.render().items()},
    }


def differences(root: Path) -> list[Difference]:
    """What `write` would change."""
    return _differences(root, rendered(root))


def write(root: Path) -> list[Difference]:
    """Writes what differs, removes pages of datasets that are gone, and says what it was."""
    wanted = rendered(root)
    found = _differences(root, wanted)
    for difference in found:
        page = root / difference.page
        text = wanted.get(str(page.relative_to(root / FOLDER)))
        if text is None:
            page.unlink()
            continue
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, "utf-8")
    return found


def _differences(root: Path, wanted: dict[str, str]) -> list[Difference]:
    found = []
    for name, text in wanted.items():
        page = root / FOLDER / name
        there = page.read_text("utf-8") if page.exists() else None
        if there != text:
            found.append(Difference(f"{FOLDER}/{name}", "missing" if there is None else "out of date"))
    for page in sorted((root / FOLDER / DATASETS).glob("*.md")):
        if str(page.relative_to(root / FOLDER)) not in wanted:
            found.append(Difference(str(page.relative_to(root)), "of a dataset that is not declared"))
    return found
