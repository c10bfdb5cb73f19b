"""Prometheus' rules, from the rules that the platform itself judges and alerts by.

Each declared rule becomes an alert over `dp_finding`, the same finding that `GET /health` and `dp alerts`
speak of: with the thresholds of the settings that run, and not with a copy of them. What the platform cannot
say of itself, that it is not there, is said by Prometheus alone.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from msgspec import Struct

from lakehouse.alerts.rules import RULES, Severity

RECORDED: dict[str, str] = {
    "dp:events:rate5m": 'sum by (service) (rate(dp_service_events_total{service!="lakehouse-api"}[5m]))',
    "dp:consumer_lag:sum": "sum by (group) (dp_consumer_lag)",
    "dp:dead_letters:per_minute": "sum by (source) (rate(dp_dead_letters_total[5m])) * 60",
    "dp:table_behind:share": (
        "max by (table) (dp_table_behind_seconds / on (table) dp_table_freshness_target_seconds)"
    ),
    "dp:disk_free:share": "dp_disk_free_bytes / dp_disk_total_bytes",
    "dp:queries:rate5m": "sum by (from) (rate(dp_api_queries_total[5m]))",
}
"""Figures that dashboards and people ask for again and again, by the name that they are recorded under."""


class Own(Struct, frozen=True, kw_only=True):
    """An alert that only somebody outside can raise."""

    name: str
    about: str
    severity: Severity
    expression: str
    lasts: timedelta
    runbook: str


OWN = (
    Own(
        name="target_down",
        about="A process does not answer Prometheus.",
        severity="critical",
        expression="up == 0",
        lasts=timedelta(minutes=2),
        runbook=RULES["service_down"].runbook,
    ),
    Own(
        name="monitor_silent",
        about="The health monitor has taken no sample for five minutes: nobody would be told of anything.",
        severity="critical",
        expression="time() - dp_monitor_last_sample_timestamp > 300",
        lasts=timedelta(minutes=1),
        runbook=RULES["monitor_blind"].runbook,
    ),
    Own(
        name="notices_undelivered",
        about="Notices of alerts wait for a channel that does not take them.",
        severity="warning",
        expression="dp_alert_undelivered > 0",
        lasts=timedelta(minutes=10),
        runbook="docs/health.md",
    ),
    Own(
        name="audit_entries_lost",
        about="The audit log had no room for entries.",
        severity="critical",
        expression="increase(dp_audit_lost_entries_total[15m]) > 0",
        lasts=timedelta(0),
        runbook="docs/audit.md",
    ),
)


def rules() -> dict[str, Any]:
    """Content of `rules.yml`."""
    recorded = [{"record": name, "expr": expression} for name, expression in RECORDED.items()]
    declared = [
        _alert(
            rule.name,
            f'max by (rule, subject) (dp_finding{{rule="{rule.name}"}}) == 1',
            rule.lasts,
            rule.severity,
            summary=f"{rule.about} ({{{{ $labels.subject }}}})",
            runbook=rule.runbook,
        )
        for rule in RULES.values()
    ]
    own = [
        _alert(one.name, one.expression, one.lasts, one.severity, summary=one.about, runbook=one.runbook)
        for one in OWN
    ]
    return {
        "groups": [
            {"name": "figures", "rules": recorded},
            {"name": "platform", "rules": declared},
            {"name": "outside", "rules": own},
        ]
    }


def _alert(
    name: str, expression: str, lasts: timedelta, severity: Severity, *, summary: str, runbook: str
) -> dict[str, Any]:
    wait = {"for": f"{lasts.total_seconds():.0f}s"} if lasts else {}
    return {
        "alert": name,
        "expr": expression,
        **wait,
        "labels": {"severity": severity},
        "annotations": {"summary": summary, "runbook": runbook},
    }


def rule_tests() -> dict[str, Any]:
    """Content of `rules_test.yml`, for `promtool test rules`: each alert fires when its time has passed, not
    before, and says whom it is about; recorded figures are what they say."""
    alerts = [_declared_test(name) for name in RULES]
    return {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "15s",
        "tests": [*alerts, *_own_tests(), _recorded_test()],
    }


def _declared_test(name: str) -> dict[str, Any]:
    rule = RULES[name]
    fired = {
        "exp_labels": {"rule": name, "subject": "one", "severity": rule.severity},
        "exp_annotations": {"summary": f"{rule.about} (one)", "runbook": rule.runbook},
    }
    after = f"{rule.lasts.total_seconds() + 15:.0f}s"
    before = [{"eval_time": "15s", "alertname": name, "exp_alerts": []}] if rule.lasts else []
    series = f'dp_finding{{rule="{name}",subject="one",status="{rule.status}"}}'
    return {
        "interval": "15s",
        # It comes, stays for a while, and is gone.
        "input_series": [{"series": series, "values": "1x20 _x30"}],
        "alert_rule_test": [
            *before,
            {"eval_time": after, "alertname": name, "exp_alerts": [fired]},
            {"eval_time": "12m", "alertname": name, "exp_alerts": []},
        ],
    }


def _own_tests() -> list[dict[str, Any]]:
    labels = {"job": "api", "instance": "lakehouse-api:8888"}
    series = "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"
    values = {
        "target_down": (f"up{series}", "1x3 0x20", "1m", "4m"),
        "monitor_silent": (f"dp_monitor_last_sample_timestamp{series}", "0x60", "5m", "7m"),
        "notices_undelivered": (f"dp_alert_undelivered{series}", "0 1x60", "5m", "11m"),
        "audit_entries_lost": (f"dp_audit_lost_entries_total{series}", "0x8 1x40", "1m", "3m"),
    }
    made = []
    for one in OWN:
        name, sent, before, after = values[one.name]
        fired = {
            "exp_labels": {**labels, "severity": one.severity},
            "exp_annotations": {"summary": one.about, "runbook": one.runbook},
        }
        made.append(
            {
                "interval": "15s",
                "input_series": [{"series": name, "values": sent}],
                "alert_rule_test": [
                    {"eval_time": before, "alertname": one.name, "exp_alerts": []},
                    {"eval_time": after, "alertname": one.name, "exp_alerts": [fired]},
                ],
            }
        )
    return made


def _recorded_test() -> dict[str, Any]:
    def series(name: str, values: str) -> dict[str, str]:
        return {"series": name, "values": values}

    def expected(expression: str, *samples: tuple[str, float]) -> dict[str, Any]:
        found = [{"labels": expression + labels, "value": value} for labels, value in samples]
        return {"expr": expression, "eval_time": "10m", "exp_samples": found}

    return {
        "interval": "15s",
        "input_series": [
            series('dp_service_events_total{service="ingestion"}', "0+150x60"),
            series('dp_consumer_lag{group="g",topic="t",partition="0"}', "40x60"),
            series('dp_consumer_lag{group="g",topic="t",partition="1"}', "2x60"),
            series('dp_dead_letters_total{source="users"}', "0+15x60"),
            series('dp_table_behind_seconds{table="t"}', "30x60"),
            series('dp_table_freshness_target_seconds{table="t",layer="gold"}', "60x60"),
            series("dp_disk_free_bytes", "25x60"),
            series("dp_disk_total_bytes", "100x60"),
            series('dp_api_queries_total{from="kept"}', "0+30x60"),
        ],
        "promql_expr_test": [
            expected("dp:events:rate5m", ('{service="ingestion"}', 10)),
            expected("dp:consumer_lag:sum", ('{group="g"}', 42)),
            expected("dp:dead_letters:per_minute", ('{source="users"}', 60)),
            expected("dp:table_behind:share", ('{table="t"}', 0.5)),
            expected("dp:disk_free:share", ("", 0.25)),
            expected("dp:queries:rate5m", ('{from="kept"}', 2)),
        ],
    }
