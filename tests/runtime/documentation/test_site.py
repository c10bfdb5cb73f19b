"""The site builds without a warning, from pinned packages, and fetches nothing from elsewhere."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from contracts.errors import DependencyError, NotFound
from runtime.documentation import site

ROOT = Path(__file__).resolve().parents[3]
MERMAID = ROOT / "docs" / "assets" / "mermaid"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    site.build(folder, lambda text: None)
    return folder


@pytest.mark.heavy
def test_all_pages_are_in_the_site(built: Path) -> None:
    pages = {page.relative_to(ROOT / "docs") for page in (ROOT / "docs").rglob("*.md")}
    pages = {page for page in pages if page.parts[0] not in ("assets", "benchmarks")}
    pages |= {Path(name) for name in ("README.md", "QUICK_START.md", "CONTRIBUTING.md", "CHANGELOG.md")}
    expected = {
        page.with_name("index.html" if page.name == "README.md" else f"{page.stem}.html") for page in pages
    }
    assert {page.relative_to(built) for page in built.rglob("*.html")} == expected | {Path("404.html")}


@pytest.mark.heavy
def test_nothing_is_fetched_from_elsewhere(built: Path) -> None:
    fetching = re.compile(
        r"<(?:script|img|iframe|source|video|audio)[^>]*\ssrc=\"?(https?:)?//"
        r"|<link(?![^>]*rel=\"?canonical)[^>]*\shref=\"?(https?:)?//|url\([\"']?(https?:)?//|@import"
    )
    for path in (*built.rglob("*.html"), *built.rglob("*.css")):
        assert not fetching.search(path.read_text("utf-8")), path
    (bundle,) = built.glob("assets/javascripts/bundle.*.js")
    assert "unpkg.com" not in bundle.read_text("utf-8")


@pytest.mark.heavy
@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
def test_a_browser_draws_the_diagrams(built: Path, tmp_path: Path) -> None:
    """No other script sees into a drawing of the theme's, so the page is asked how much room each takes."""
    page = built / "architecture.html"
    probe = page.with_name("probe.html")
    script = (
        "<script>setInterval(()=>{document.title=[...document.querySelectorAll('.mermaid')]"
        ".map(m=>m.tagName+Math.round(m.getBoundingClientRect().height)).join(' ')},100)</script></body>"
    )
    probe.write_text(page.read_text("utf-8").replace("</body>", script), "utf-8")
    shown = subprocess.run(
        [
            *(str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000"),
            *(f"--user-data-dir={tmp_path}", "--allow-file-access-from-files", "--dump-dom", probe.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    ).stdout
    probe.unlink()
    (title,) = re.findall(r"<title>(.*?)</title>", shown)
    # Undrawn, they are PRE; drawn, DIV.
    drawings = re.findall(r"([A-Z]+)(\d+)", title)
    assert len(drawings) == len(
        re.findall("^```mermaid$", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE)
    )
    assert all(tag == "DIV" and int(height) > 50 for tag, height in drawings), title


@pytest.mark.heavy
def test_a_dead_link_fails_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "checkout"
    shutil.copytree(ROOT / "runtime/documentation", copy / "runtime/documentation")
    shutil.copytree(ROOT / "docs/assets", copy / "docs/assets")
    settings, _, _ = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:")
    (copy / "mkdocs.yml").write_text(
        f"{settings}\nnav: [README.md, QUICK_START.md, CONTRIBUTING.md, CHANGELOG.md]\n"
    )
    for name in ("README.md", "QUICK_START.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        (copy / name).write_text(f"# {name}\n[ok](README.md) [`code`](runtime/documentation/hooks.py)\n")
    python = site.locked_interpreter(ROOT / ".setup/docs", "", ROOT / site.LOCK, lambda text: None)
    monkeypatch.setattr(site, "ROOT", copy)
    monkeypatch.setattr(site, "locked_interpreter", lambda *_: python)
    site.build(tmp_path / "site", lambda text: None)
    with open(copy / "README.md", "a") as page:
        page.write("[a](docs/gone.md) [b](CHANGELOG.md#gone)\n")
    with pytest.raises(DependencyError, match=r"gone\.md(.|\n)*#gone"):
        site.build(tmp_path / "site", lambda text: None)


def test_an_installation_without_pages_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "ROOT", tmp_path)
    with pytest.raises(NotFound, match="checkout"):
        site.checkout()


def test_vendored_files_are_those_that_were_reviewed() -> None:
    listed = dict(
        reversed(line.split("  ")) for line in (MERMAID / "checksums.sha256").read_text("utf-8").splitlines()
    )
    there = {name: hashlib.sha256((MERMAID / name).read_bytes()).hexdigest() for name in listed}
    assert there == listed and listed.keys() == {"LICENSE", "mermaid.tiny.js"}
    wanted = json.loads((MERMAID / "package.json").read_text("utf-8"))["dependencies"]
    lock = (MERMAID / "package-lock.json").read_text("utf-8")
    assert wanted == json.loads(lock)["packages"][""]["dependencies"]
    assert "://" not in lock
