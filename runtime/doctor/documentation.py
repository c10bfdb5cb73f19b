"""Documentation: what people are told to read is there, and complete."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, cast

import httpx

from contracts.settings import Settings
from lakehouse.alerts.rules import RULES
from lakehouse.catalog import TABLES
from lakehouse.reading.stream_snapshots import AllSnapshots
from runtime.doctor.evidence import Evidence
from runtime.doctor.line import JUDGED_SECONDS, Answer, Line, green, red, skipped
from web.app import create_app
from web.openapi.rendering import PATH
from web.queries import Queries
from web.sandbox.pool import Sandbox

QUICK_START = "QUICK_START.md"
PARTS = ("## See", "## Fix", "## Fixed when")
"""Of a runbook."""
_NOT_HERE = "not a checkout: the documents are not installed"


def readme(evidence: Evidence) -> Answer:
    return _page(evidence, "README.md")


def quick_start(evidence: Evidence) -> Answer:
    """The page, and the test that runs its commands: whether that passes is what `dp test` says."""
    answer = _page(evidence, QUICK_START)
    if answer.status != "green" or evidence.root is None:
        return answer
    tests = [
        path.relative_to(evidence.root).as_posix()
        for path in sorted((evidence.root / "tests").rglob("test_*.py"))
        if QUICK_START in path.read_text("utf-8", "replace")
    ]
    if not tests:
        return red(f"{answer.measured}; no test runs its commands")
    return green(f"{answer.measured}; run by {', '.join(tests[:2])}")


def endpoints(evidence: Evidence) -> Answer:
    found = document()
    operations = sum(len(methods) for methods in found["paths"].values())
    wrong = list(undocumented(found))
    if wrong:
        return red(f"{len(wrong)} things are not told: {'; '.join(wrong[:3])}")
    return green(
        f"{operations} operations of {len(found['paths'])} paths have summary, description and examples"
    )


def runbooks(evidence: Evidence) -> Answer:
    if evidence.root is None:
        return skipped(_NOT_HERE)
    wrong = []
    for rule in RULES.values():
        page = evidence.root / rule.runbook
        text = page.read_text("utf-8") if page.is_file() else ""
        if not text:
            wrong.append(f"{rule.runbook} is missing")
        elif lacking := [part for part in PARTS if part not in text]:
            wrong.append(f"{rule.runbook} has no {', '.join(lacking)}")
    if wrong:
        return red("; ".join(wrong))
    return green(f"{len(RULES)} rules of alerts, each with a page that says how to see, fix and know")


def undocumented(told: Mapping[str, Any]) -> Iterator[str]:
    """What the OpenAPI document leaves unsaid of its operations."""
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            place = f"{method.upper()} {path}"
            for part in ("summary", "description"):
                if not operation.get(part, "").strip():
                    yield f"{place} has no {part}"
            for parameter in operation.get("parameters", ()):
                if "example" not in parameter and parameter["schema"].get("type") != "boolean":
                    yield f"{place} has no example of {parameter['name']}"
            body = operation.get("requestBody", {}).get("content", {})
            answers = operation["responses"].get("200", {}).get("content", {})
            for media, content in [*body.items(), *answers.items()]:
                if content.get("schema") and not content.get("examples"):
                    yield f"{place} has no example in {media}"


def _page(evidence: Evidence, name: str) -> Answer:
    if evidence.root is None:
        return skipped(_NOT_HERE)
    page = evidence.root / name
    if not page.is_file():
        return red(f"{name} is missing")
    text = page.read_text("utf-8")
    headings = sum(line.startswith("#") for line in text.splitlines())
    if not headings:
        return red(f"{name} has no headings")
    return green(f"{name}: {len(text.split()):,} words under {headings} headings")


def document() -> dict[str, Any]:
    """The OpenAPI document of this version, of an API on loopback: no platform has to run."""
    settings = Settings()
    snapshots = AllSnapshots(settings, TABLES)
    application = create_app(settings, Queries(settings, snapshots, Sandbox([], memory_mb=64), TABLES))

    async def ask() -> dict[str, Any]:
        transport = httpx.ASGITransport(cast(Any, application))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            answer = await client.get(PATH)
            found: dict[str, Any] = answer.json()
            return found

    return asyncio.run(ask())


LINES = (
    Line(
        name="readme",
        area="documentation",
        holds="README.md is there",
        measures="its words and headings",
        repair="git checkout -- README.md",
        page="docs/doctor.md",
        look=readme,
    ),
    Line(
        name="quick-start",
        area="documentation",
        holds="QUICK_START.md is there, and a test runs its commands",
        measures="its words, and the test that names it; `dp test` says whether it passes",
        repair="git checkout -- QUICK_START.md tests",
        page="docs/doctor.md",
        look=quick_start,
    ),
    Line(
        name="endpoints",
        area="documentation",
        holds="every endpoint is documented",
        measures="the OpenAPI document of this version: summary, description and examples of each operation",
        repair="web/openapi/operations.py and the handler's docstring are what the document is made from",
        page="docs/api.md",
        look=endpoints,
        seconds=JUDGED_SECONDS,
    ),
    Line(
        name="runbooks",
        area="documentation",
        holds="every rule of alerts has a runbook",
        measures="docs/runbooks/RULE.md of each declared rule, and its parts",
        repair="git checkout -- docs/runbooks, or write the page",
        page="docs/health.md",
        look=runbooks,
    ),
)
