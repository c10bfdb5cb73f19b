"""A report as one HTML file that needs nothing else: no script, no picture, no other file. Every text is
escaped."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from html import escape

from lakehouse.alerts.rules import RULES, Status
from lakehouse.health.report import Report
from lakehouse.health.words import age, count, share_left, size

STYLE = """
:root { color-scheme: light dark; --ok: #1a7f37; --degraded: #9a6700; --failing: #b42318; --line: #8885; }
@media (prefers-color-scheme: dark) { :root { --ok: #4ac26b; --degraded: #d4a72c; --failing: #ff7b72; } }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
td.n, th.n { text-align: right; }
.ok { color: var(--ok); } .degraded { color: var(--degraded); font-weight: 600; }
.failing { color: var(--failing); font-weight: 700; }
"""
STYLE_HASH = f"'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'"
"""By which a content security policy allows this style and no other."""
NUMBERS = frozenset(
    {"rows", "files", "small files", "lag", "events/s", "memory", "size", "behind", "waiting"}
)

_Cell = str | tuple[str, str]
"""A text, or a text and its class."""


def page(report: Report) -> str:
    """The whole document."""
    at = f"{report.at:%Y-%m-%d %H:%M:%S} UTC"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Platform health: {report.status}, {at}</title>",
        f"<style>{STYLE}</style></head><body>",
        f'<h1>The platform is <span class="{report.status}">{report.status}</span></h1>',
        f"<p>{at} · {'ready' if report.ready else 'not ready'}</p>",
        *_findings(report),
        *_section("Layers", ("layer", "status", "tables", "size", "files", "small files"), _layers(report)),
        *_section("Storage", ("place", "size", "files", "small files"), _places(report)),
        *_paragraphs(share_left(report)),
        *_section(
            "Services",
            ("service", "state", "events/s", "memory", "restarts", "what it says"),
            _services(report),
        ),
        *_section(
            "Tables",
            ("table", "layer", "status", "rows", "size", "files", "newest event", "behind", "quality"),
            _tables(report),
        ),
        *_section("Consumers", ("group", "status", "lag", "events/s", "last commit"), _groups(report)),
        *_section(
            "Stream workers",
            ("worker", "flush takes", "last flush", "waiting", "events a file", "late"),
            _workers(report),
        ),
        *_section("Dead letters", ("source", "status", "in all", "a minute"), _sources(report)),
        *_section("Batch jobs", ("job", "status", "newest run", "started", "took"), _jobs(report)),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _findings(report: Report) -> Iterable[str]:
    if report.findings:
        rows = [
            ((found.status, found.status), found.rule, found.says, RULES[found.rule].runbook)
            for found in report.findings
        ]
        yield from _section("What is wrong", ("status", "rule", "what", "runbook"), rows)
    if report.undecided:
        names = ", ".join(report.undecided)
        yield from _paragraphs([f"Nothing is known now of: {names} (the platform starts or stops)."])


def _layers(report: Report) -> Iterable[Sequence[_Cell]]:
    places = {place.name: place for place in report.storage.places}
    for layer in report.layers:
        place = places.get(layer.name)
        sizes = (size(place.bytes), count(place.files), count(place.small_files)) if place else ("–",) * 3
        yield layer.name, _word(layer.status), count(layer.tables), *sizes


def _places(report: Report) -> Iterable[Sequence[_Cell]]:
    layers = {layer.name for layer in report.layers}
    for place in report.storage.places:
        if place.name not in layers:
            yield place.name, size(place.bytes), count(place.files), count(place.small_files)


def _services(report: Report) -> Iterable[Sequence[_Cell]]:
    for service in report.services:
        yield (
            service.name,
            (service.state, service.status),
            count(service.events_per_second),
            size(service.memory_bytes),
            count(service.restarts),
            service.message,
        )


def _tables(report: Report) -> Iterable[Sequence[_Cell]]:
    for table in report.tables:
        newest = f"{table.newest_event:%Y-%m-%d %H:%M:%S}" if table.newest_event else "–"
        score = "–" if table.quality_score is None else f"{table.quality_score:.2f}"
        yield (
            table.name,
            table.layer,
            _word(table.status),
            count(table.rows),
            size(table.bytes),
            count(table.files),
            newest,
            age(table.behind_seconds),
            score,
        )


def _groups(report: Report) -> Iterable[Sequence[_Cell]]:
    for group in report.groups:
        yield (
            group.group,
            _word(group.status),
            count(group.lag),
            count(group.messages_per_second),
            age(group.commit_age_seconds),
        )


def _workers(report: Report) -> Iterable[Sequence[_Cell]]:
    for worker in report.workers:
        takes = "–" if worker.flush_seconds is None else f"{worker.flush_seconds:.2f} s"
        yield (
            worker.service,
            takes,
            age(worker.flush_age_seconds),
            count(worker.waiting),
            count(worker.batch_events),
            count(worker.late),
        )


def _sources(report: Report) -> Iterable[Sequence[_Cell]]:
    for source in report.sources:
        yield (
            source.name,
            _word(source.status),
            count(source.dead_letters),
            count(source.dead_letters_per_minute),
        )


def _jobs(report: Report) -> Iterable[Sequence[_Cell]]:
    for job in report.jobs:
        started = f"{job.started_at:%Y-%m-%d %H:%M} UTC" if job.started_at else "–"
        run = f"{job.run_date}: {job.run_status}" if job.run_date else "none yet"
        yield job.name, _word(job.status), run, started, age(job.seconds)


def _word(status: Status) -> _Cell:
    return status, status


def _paragraphs(texts: Iterable[str]) -> Iterable[str]:
    for text in texts:
        yield f"<p>{escape(text)}</p>"


def _section(title: str, heads: Sequence[str], rows: Iterable[Sequence[_Cell]]) -> Iterable[str]:
    """A table under a heading; nothing where it has no rows."""
    body = [_row(heads, cells) for cells in rows]
    if not body:
        return
    yield f"<h2>{escape(title)}</h2>"
    yield '<div class="scroll"><table><thead><tr>'
    for head in heads:
        kind = ' class="n"' if head in NUMBERS else ""
        yield f'<th scope="col"{kind}>{escape(head)}</th>'
    yield "</tr></thead><tbody>"
    yield from body
    yield "</tbody></table></div>"


def _row(heads: Sequence[str], cells: Sequence[_Cell]) -> str:
    made = []
    for head, cell in zip(heads, cells, strict=True):
        text, kind = cell if isinstance(cell, tuple) else (cell, "n" if head in NUMBERS else "")
        made.append(f'<td class="{escape(kind)}">{escape(text)}</td>' if kind else f"<td>{escape(text)}</td>")
    return f"<tr>{''.join(made)}</tr>"
