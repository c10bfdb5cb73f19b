"""The files under `deployment/`, each made from a declaration."""

from __future__ import annotations

import json
from pathlib import Path

from runtime import block_yaml
from runtime.observability.dashboards import DASHBOARDS
from runtime.observability.grafana import dashboard_json, data_sources, providers
from runtime.observability.rules import rule_tests, rules
from runtime.observability.scraping import KEY_FILE, container_targets, scrape_config

FOLDER = Path(__file__).resolve().parent.parent.parent / "deployment"
HEADER = "# Made by `python -m runtime.observability`.\n"


def rendered() -> dict[str, str]:
    """Path below `deployment/` → text."""
    scraping = scrape_config(container_targets(), key_file=KEY_FILE, executors=True)
    documents = {
        "prometheus/prometheus.yml": scraping,
        "prometheus/rules.yml": rules(),
        "prometheus/rules_test.yml": rule_tests(),
        "grafana/provisioning/datasources/prometheus.yml": data_sources(),
        "grafana/provisioning/dashboards/files.yml": providers(),
    }
    made = {name: HEADER + block_yaml.text(content) for name, content in documents.items()}
    for name, dashboard in DASHBOARDS.items():
        content = json.dumps(dashboard_json(dashboard), indent=2, ensure_ascii=False)
        made[f"grafana/dashboards/{name}.json"] = content + "\n"
    return made


def write(folder: Path = FOLDER) -> None:
    """Writes all of them."""
    for name, text in rendered().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
