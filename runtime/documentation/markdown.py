"""Pieces of Markdown that read the same on a forge and in the site."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

_SYNTAX = re.compile(r"[\\*\[\]<>&|]|(?<!\w)_|_(?!\w)")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "|": "&#124;"}
_CODE_ENTITIES = {**_ENTITIES, "*": "&#42;", "_": "&#95;"}


def made_from(what: str) -> str:
    """The line that tells whoever wants to change a page where to change it."""
    return f"<!-- Made from {what} by `dp docs generate`; changes here are overwritten. -->"


def prose(text: str) -> str:
    """One line of plain text, where `code` and ``code`` are code, and nothing else is syntax."""
    parts = re.split(r"``?([^`]+)``?", " ".join(text.split()))
    return "".join(code(part) if number % 2 else _plain(part) for number, part in enumerate(parts))


def code(text: object) -> str:
    """Inline code that may stand in a table; nothing for an empty text."""
    one_line = " ".join(str(text).split())
    if not one_line:
        return ""
    if set("|<&") & set(one_line):  # a table would end there, or a tag begin
        return "<code>" + "".join(_CODE_ENTITIES.get(sign, sign) for sign in one_line) + "</code>"
    return f"`{one_line}`"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines of a table; cells are Markdown. Nothing where there are no rows."""
    lines = ["| " + " | ".join(" ".join(cell.split()) for cell in row) + " |" for row in rows]
    if lines:
        yield "| " + " | ".join(head) + " |"
        yield "|" + "---|" * len(head)
        yield from lines


def fence(kind: str, text: str) -> Iterator[str]:
    """Lines of a block of code."""
    yield f"```{kind}"
    yield from text.rstrip("\n").split("\n")
    yield "```"


def _plain(text: str) -> str:
    return _SYNTAX.sub(lambda found: _ENTITIES.get(found[0], "\\" + found[0]), text)
