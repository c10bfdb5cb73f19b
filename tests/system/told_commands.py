"""A page that tells commands and shows what comes: its blocks, and whether what came is what it shows.

A block ```` ```bash ```` is run; a block ```` ```text ```` right after it shows what it prints. There a line
`…` stands for any lines, and `…` within one for any text; figures and the widths of columns may differ. A
comment before a block says more: `again until it comes`, or who runs it instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

BLOCK = re.compile(
    r"(?:<!-- (?P<note>[^\n]*?) -->\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
ANYTHING = "…"


class Told(Struct, frozen=True):
    """One command of the page."""

    command: str
    shown: str
    """What it prints; empty: the page shows nothing."""
    note: str

    @property
    def again(self) -> bool:
        return self.note == "again until it comes"


def told_by(page: Path) -> Iterator[Told]:
    """The page's commands, in order."""
    blocks = [
        (found["kind"], found["text"], found["note"] or "")
        for found in BLOCK.finditer(page.read_text("utf-8"))
    ]
    for place, (kind, text, note) in enumerate(blocks):
        if kind == "bash":
            after = blocks[place + 1] if place + 1 < len(blocks) else ("", "", "")
            yield Told(command=text, shown=after[1] if after[0] == "text" else "", note=note)


def comes(shown: str, printed: str) -> bool:
    """Whether what was printed is what is shown."""
    pattern = ""
    for line in shown.rstrip("\n").split("\n"):
        plain = _plain(line)
        if plain == ANYTHING:
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*?".join(re.escape(part) for part in plain.split(ANYTHING)) + "\n"
    text = "".join(_plain(line) + "\n" for line in printed.rstrip("\n").split("\n"))
    return re.fullmatch(pattern, text) is not None


def _plain(line: str) -> str:
    """Without what may differ: figures, the widths of columns and of their lines."""
    line = re.sub(r"[━─═]+", "━", line)
    line = re.sub(r"\d[\d.,:]*", "0", line)
    return re.sub(r"\s+", " ", line).strip()
