"""The reference of settings, from their declaration.

A field's description is the docstring that stands under it in ``contracts/settings.py`` or
``contracts/clusters.py``.
"""

from __future__ import annotations

import ast
import inspect

from contracts import clusters, configuration, settings

_INTRODUCTION = """# Settings

Values are found in this order, the later one wins: the defaults below, `dataplatform.toml` in the working
directory (or the file that `--settings FILE` or `DP_SETTINGS` names), variables `DP_<SECTION>_<KEY>`, and
flags (`--set section.key=value`). `dp settings` prints every value and where it came from;
an unknown key or a bad value stops the start with an error that names it.
This page is made from `contracts/settings.py` and `contracts/clusters.py`.
"""


def descriptions() -> dict[str, str]:
    """Section class name + field → the text under the field, on one line; '' where there is none."""
    found: dict[str, str] = {}
    for node in (
        statement
        for module in (settings, clusters)
        for statement in ast.parse(inspect.getsource(module)).body
    ):
        if not isinstance(node, ast.ClassDef):
            continue
        for statement, following in zip(node.body, [*node.body[1:], None], strict=True):
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                text = ""
                if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
                    text = " ".join(str(following.value.value).split())
                found[f"{node.name}.{statement.target.id}"] = text
    return found


def render() -> str:
    """The whole page, Markdown."""
    texts = descriptions()
    lines = [_INTRODUCTION]
    section = ""
    for key, value, _ in configuration.load(environ={}).rows():
        head, _, name = key.partition(".")
        if head != section:
            section = head
            lines += [f"## {section}", "", "| key | default | meaning |", "|---|---|---|"]
        text = texts[f"{section.capitalize()}.{name}"].replace("|", "\\|")
        shown = '""' if value == "" else str(value).lower() if isinstance(value, bool) else value
        lines.append(f"| `{name}` | `{shown}` | {text} |")
        if _is_last(key):
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _is_last(key: str) -> bool:
    section, _, name = key.partition(".")
    names: tuple[str, ...] = getattr(settings.Settings(), section).__struct_fields__
    return names[-1] == name
