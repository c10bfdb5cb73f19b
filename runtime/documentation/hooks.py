"""What MkDocs calls while it builds the site; runs in its own environment, where nothing else of ours is.

Pages at the top of the checkout (README and its like) become pages beside those of `docs/`. Links to what is
no page (code, notebooks) become text. Diagrams are drawn by our own copy of Mermaid.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

FROM_THE_TOP = ("README.md", "QUICK_START.md", "CONTRIBUTING.md", "CHANGELOG.md")
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")
CODE = re.compile(r"(^```.*?^```$|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
MERMAID = "assets/mermaid/mermaid.tiny.js"
FETCHED_BY_THE_THEME = {
    # __md_scope is the theme's own: the address of the site's root.
    '"https://unpkg.com/mermaid@11/dist/mermaid.min.js"': f'new URL("{MERMAID}",__md_scope).href',
    # For browsers of before 2020.
    '"https://unpkg.com/resize-observer-polyfill"': '"data:text/javascript,"',
}
TITLE = re.compile(r"^# (.+)$", re.MULTILINE)


def on_config(config: Any) -> Any:
    """Puts the pages of a folder where `nav` names the folder."""
    config.nav = _filled(config.nav, Path(config.docs_dir))
    return config


def _filled(nav: list[Any], docs: Path) -> list[Any]:
    filled: list[Any] = []
    for entry in nav:
        if isinstance(entry, dict):
            ((title, what),) = entry.items()
            if isinstance(what, list):
                entry = {title: _filled(what, docs)}
            elif what.endswith("/"):
                entry = {title: [what + page.name for page in _pages(docs / what)]}
        filled.append(entry)
    return filled


def _pages(folder: Path) -> list[Path]:
    """The folder's own page first."""
    return sorted(folder.glob("*.md"), key=lambda page: (page.name != "README.md", page.name))


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages from the top of the checkout."""
    root = Path(config.config_file_path).parent
    for name in FROM_THE_TOP:
        files.append(File.generated(config, name, content=(root / name).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Files) -> str:
    """Makes links that hold in the checkout hold in the site."""
    parts = CODE.split(markdown)
    source = page.file.src_uri
    # `[`code`](target)` would be torn apart: links are told from code by their brackets.
    return "".join(_relinked(part, source, files) if _has_links(part) else part for part in _joined(parts))


def _joined(parts: list[str]) -> list[str]:
    """Inline code put back into the text around it; blocks of code apart."""
    joined: list[str] = [""]
    for part in parts:
        if part.startswith("```"):
            joined += [part, ""]
        else:
            joined[-1] += part
    return joined


def _has_links(part: str) -> bool:
    return "](" in part and not part.startswith("```")


def _relinked(text: str, source: str, files: Files) -> str:
    at = source if source in FROM_THE_TOP else f"docs/{source}"

    def relinked(found: re.Match[str]) -> str:
        picture, label, target = found.groups()
        if "://" in target or target.startswith(("#", "mailto:")):
            return found[0]
        path, hash_sign, anchor = target.partition("#")
        there = posixpath.normpath(posixpath.join(posixpath.dirname(at), path))
        uri = there.removeprefix("docs/")
        if there not in FROM_THE_TOP and not there.startswith("docs/"):
            return label
        if path.endswith("/"):
            uri = f"{uri}/README.md"
            if files.get_file_from_path(uri) is None:
                return label
        relative = posixpath.relpath(uri, posixpath.dirname(source) or ".")
        return f"{picture}[{label}]({relative}{hash_sign}{anchor})"

    return LINK.sub(relinked, text)


def on_post_build(config: Any) -> None:
    """Takes the addresses of other hosts out of the theme's script."""
    (bundle,) = Path(config.site_dir, "assets/javascripts").glob("bundle.*.min.js")
    script = bundle.read_text("utf-8")
    for address, instead in FETCHED_BY_THE_THEME.items():
        if script.count(address) != 1:
            raise PluginError(f"the theme's script has changed: it has not once {address}")
        script = script.replace(address, instead)
    bundle.write_text(script, "utf-8")
    for source_map in Path(config.site_dir, "assets").rglob("*.map"):
        source_map.unlink()
    for path in (bundle, *Path(config.site_dir).rglob("*.css")):
        text = path.read_text("utf-8")
        path.write_text(re.sub(r"\n?(//|/\*)# sourceMappingURL=\S+( ?\*/)?", "", text), "utf-8")
    os.utime(bundle)
