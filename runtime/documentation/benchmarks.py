"""The page of benchmarks: prose by hand, and the figures that were kept, with the commits they belong to.

`docs/benchmarks/` has a Markdown file a section, in order of their names, and a JSON file a table
(``runtime.bench.kept``). ``<!-- figures: NAME -->`` in the prose is where the table goes.
"""

from __future__ import annotations

import re
from pathlib import Path

from contracts.errors import NotFound
from runtime.bench.kept import Figures, read
from runtime.documentation.markdown import made_from, table

MARK = re.compile(r"^<!-- figures: ([a-z0-9-]+) -->$", re.MULTILINE)


def render(folder: Path) -> str:
    """The whole page, Markdown. Raises NotFound where figures are missing, or shown nowhere."""
    told = [section.read_text("utf-8").strip("\n") for section in sorted(folder.glob("*.md"))]
    shown = {name for text in told for name in MARK.findall(text)}
    there = {path.stem for path in folder.glob("*.json")}
    if shown != there:
        raise NotFound(f"figures of benchmarks without prose, or prose without: {sorted(shown ^ there)}")
    title, _, rest = told[0].partition("\n")
    head = f"{title}\n\n{made_from('`docs/benchmarks/`')}\n{rest}"
    sections = [MARK.sub(lambda found: _figures(read(folder, found[1])), text) for text in (head, *told[1:])]
    return "\n\n".join(sections) + "\n"


def _figures(kept: Figures) -> str:
    lines = list(table(kept.columns, [row.cells for row in kept.rows]))
    return "\n".join([*lines, "", f"*{_origin(kept)}*"])


def _origin(kept: Figures) -> str:
    oldest, newest = min(kept.rows, key=lambda row: row.date), max(kept.rows, key=lambda row: row.date)
    commits = list(dict.fromkeys((oldest.commit, newest.commit)))
    days = list(dict.fromkeys((oldest.date, newest.date)))
    return f"Written down {' to '.join(days)}, at commit{'s' * (len(commits) > 1)} {' to '.join(commits)}."
