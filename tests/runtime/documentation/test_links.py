"""Every link between pages leads to a file and a heading that are there: what MkDocs checks in the site, for
the pages as they lie in the checkout, without installing anything."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md")
    for page in ROOT.glob(pattern)
    if not {"assets", "benchmarks"} & set(page.parts)  # the latter's sections are in docs/benchmarks.md
)
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(([^()\s]+)\)")
CODE = re.compile(r"^(```+).*?^\1$|<!--.*?-->", re.MULTILINE | re.DOTALL)


def links(page: Path) -> Iterator[str]:
    text = CODE.sub("", page.read_text("utf-8"))
    yield from LINK.findall(re.sub(r"``.+?``|`[^`\n]*`", "", text))


@cache
def anchors(page: Path) -> set[str]:
    """As forges and the site make them of headings: the second of the same words gets a number."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#{1,6} (.+)$", CODE.sub("", page.read_text("utf-8")), re.MULTILINE):
        plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\s-]", "", unicodedata.normalize("NFKD", plain).lower()).strip()
        slug = re.sub(r"\s", "-", slug)
        found[slug] = found.get(slug, -1) + 1
    return {slug if not n else f"{slug}-{n}" for slug, last in found.items() for n in range(last + 1)}


def broken(page: Path) -> Iterator[str]:
    for target in links(page):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in anchors(there)):
            yield target


def test_no_link_is_dead() -> None:
    assert len(PAGES) > 60
    found = {str(page.relative_to(ROOT)): list(broken(page)) for page in PAGES}
    assert {page: dead for page, dead in found.items() if dead} == {}


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    page, other = tmp_path / "page.md", tmp_path / "other.md"
    other.write_text("# A `code`, and more\n## Twice\n## Twice\n```\n# no heading\n```\n")
    page.write_text(
        "[a](other.md) [b](other.md#a-code-and-more) [c](other.md#twice-1) [d](https://nowhere.example/)\n"
        "[e](gone.md) [f](other.md#no-heading) [`g`](other.md#twice-2) [h](#here)\n"
        "`[not](a-link.md)`\n```\n[nor](this.md)\n```\n"
    )
    assert list(broken(page)) == ["gone.md", "other.md#no-heading", "other.md#twice-2", "#here"]


@pytest.mark.parametrize("name", ["README.md", "QUICK_START.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_the_front_pages_are_there(name: str) -> None:
    assert ROOT / name in PAGES
