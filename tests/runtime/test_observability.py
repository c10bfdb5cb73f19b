"""The files under `deployment/`: as rendered, whole, and as Prometheus' own tools want them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lakehouse.alerts.rules import RULES
from runtime import block_yaml, compose
from runtime.observability import dashboards, grafana, scraping
from runtime.observability.files import FOLDER, rendered
from runtime.observability.rules import OWN, rule_tests, rules
from runtime.services import services
from tests.runtime.promql import metric_names

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="no promtool on this machine (Debian: apt install prometheus)"
)


def alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for group in rules()["groups"] for rule in group["rules"] if "alert" in rule}


def test_the_committed_files_are_the_rendered_ones() -> None:
    made = rendered()
    there = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    assert there == set(made)
    for name, text in made.items():
        assert (FOLDER / name).read_text("utf-8") == text, "run `python -m runtime.observability`"


def test_yaml_says_what_was_meant() -> None:
    made = rendered()
    assert yaml.safe_load(made["prometheus/rules.yml"]) == rules()
    assert yaml.safe_load(made["prometheus/rules_test.yml"]) == rule_tests()
    nested = {"a": [{"b": [{"c": 1}], "d": {"e": "x: y"}}], "f": [], "g": {}, "h": ["1", 2], "i": None}
    assert yaml.safe_load(block_yaml.text(nested)) == nested


def test_every_declared_rule_is_an_alert_with_its_severity_wait_and_runbook() -> None:
    made = alerts()
    assert made.keys() == RULES.keys() | {one.name for one in OWN}
    for rule in RULES.values():
        alert = made[rule.name]
        assert alert["labels"]["severity"] == rule.severity
        assert float(alert.get("for", "0s").rstrip("s")) == rule.lasts.total_seconds()
        assert f'rule="{rule.name}"' in alert["expr"]
    for alert in made.values():
        assert (compose.ROOT / alert["annotations"]["runbook"]).is_file()


def test_every_process_with_a_page_of_metrics_is_asked() -> None:
    by_host = {service.host: service for service in services(compose.Settings())}
    asked = {address for addresses in scraping.container_targets().values() for address in addresses}
    with_pages = {"lakehouse-api", "ingestion-layer"} | {name for name in by_host if "stream-worker" in name}
    assert asked - {"127.0.0.1:9090"} == {
        f"{host}:{port.number}" for host in with_pages for port in by_host[host].ports[:1]
    }


@pytest.mark.parametrize("name", list(dashboards.DASHBOARDS))
def test_a_dashboard_is_whole(name: str) -> None:
    content = json.loads((FOLDER / f"grafana/dashboards/{name}.json").read_text("utf-8"))
    panels = content["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= grafana.COLUMNS
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, "panels lie over one another"
        taken |= cells
        if panel["type"] != "row":
            assert panel["description"] and panel["targets"]
            for target in panel["targets"]:
                assert target["datasource"]["uid"] == grafana.data_sources()["datasources"][0]["uid"]
                assert metric_names(target["expr"])


@needs_promtool
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "rules.yml"),
        ("test", "rules", "rules_test.yml"),
        ("check", "config", "--syntax-only", "prometheus.yml"),
    ],
    ids=" ".join,
)
def test_promtool_accepts(arguments: tuple[str, ...]) -> None:
    assert PROMTOOL is not None
    run = subprocess.run(
        (PROMTOOL, *arguments), cwd=FOLDER / "prometheus", capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


@needs_promtool
def test_promtool_accepts_the_whole_configuration_of_a_local_copy(tmp_path: Path) -> None:
    assert PROMTOOL is not None
    (tmp_path / "key").write_text("dp_key", "utf-8")
    shutil.copy(FOLDER / "prometheus/rules.yml", tmp_path)
    targets = scraping.local_targets(compose.Settings(), "127.0.0.1:9090")
    config = scraping.scrape_config(targets, key_file=str(tmp_path / "key"), executors=True)
    (tmp_path / "prometheus.yml").write_text(block_yaml.text(config), "utf-8")
    run = subprocess.run(
        (PROMTOOL, "check", "config", str(tmp_path / "prometheus.yml")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
