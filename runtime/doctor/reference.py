"""Renders docs/doctor.md and docs/doctor.schema.json: ``python -m runtime.doctor.reference``."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from runtime.bootstrap.place import ROOT
from runtime.doctor.checklist import AREAS, lines_of
from runtime.doctor.checkup import FORMAT, Checkup

PAGE = ROOT / "docs" / "doctor.md"
SCHEMA = ROOT / "docs" / "doctor.schema.json"
HEADING = "## Lines"
"""What stands above it on the page is written by hand."""


def render() -> str:
    """The whole page, Markdown."""
    above = PAGE.read_text("utf-8").partition(f"\n{HEADING}\n")[0]
    lines = [above.rstrip(), "", HEADING, ""]
    lines.append("Made from `runtime/doctor/` by `python -m runtime.doctor.reference`.")
    for area in AREAS:
        lines += [
            "",
            f"### {area}",
            "",
            "| line | green when | measured | when it is red |",
            "|---|---|---|---|",
        ]
        for line in lines_of([area]):
            page = line.page.removeprefix("docs/")
            cells = (f"`{line.name}`", line.holds, line.measures, f"{line.repair} ([more]({page}))")
            lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def schema() -> str:
    """JSON Schema of `dp doctor --json`."""
    (found,), parts = msgspec.json.schema_components([Checkup], ref_template="#/$defs/{name}")
    document: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"dp doctor --json, format {FORMAT}",
        **found,
        "$defs": parts,
    }
    return json.dumps(document, indent=1) + "\n"


if __name__ == "__main__":
    PAGE.write_text(render(), "utf-8")
    SCHEMA.write_text(schema(), "utf-8")
