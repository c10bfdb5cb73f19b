"""The table of alerts, from the declared rules."""

from __future__ import annotations

from contracts import configuration
from lakehouse.alerts.rules import RULES, Rule
from runtime.documentation.datasets import duration
from runtime.documentation.markdown import code, made_from, prose, table

INTRODUCTION = """\
An alert fires when its finding has lasted, and is resolved when the finding has been gone for two samples
(longer for one that comes and goes). It is told once when it fires and once when it is over, by rule and
subject. How findings are made, silences and channels: [health and alerts](health.md).

The rules marked "waits" say nothing within `health.start_seconds` of the platform's start, and none says
anything while it is being stopped. Without its simulators the platform is whole: only one that fails is told
of."""


def render() -> str:
    """The whole page, Markdown."""
    defaults = {key: value for key, value, _ in configuration.load(environ={}).rows()}
    rows = [
        (
            f"[`{rule.name}`](runbooks/{rule.name}.md)",
            prose(rule.about),
            ", ".join(f"{code(key)} ({code(defaults[key])})" for key in rule.limits),
            rule.severity,
            rule.status,
            duration(rule.lasts) if rule.lasts else "at once",
            "waits" if rule.settles else "",
        )
        for rule in sorted(RULES.values(), key=_severest)
    ]
    head = (
        "rule and runbook",
        "when",
        "limits (default)",
        "severity",
        "component is",
        "lasts",
        "at the start",
    )
    return (
        "\n".join(
            [
                "# Alerts",
                "",
                made_from("`lakehouse/alerts/rules.py`"),
                "",
                INTRODUCTION,
                "",
                *table(head, rows),
            ]
        )
        + "\n"
    )


def _severest(rule: Rule) -> int:
    return ("critical", "warning", "info").index(rule.severity)
