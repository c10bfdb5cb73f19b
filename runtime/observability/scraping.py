"""Prometheus' configuration: whom it asks, and with which key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.settings import Settings
from runtime.observability.containers import API_KEY, PROMETHEUS_PORT
from runtime.services import all_services

RULES_FILE = "rules.yml"
INTERVAL_SECONDS = 15
TIMEOUT_SECONDS = 10
KEY_FILE = f"/run/secrets/{API_KEY}"
ASKED_TWICE = "dp_(kafka|consumer|topic)_.*"
"""What ingestion's page has as well as the API's: the broker's word, which would be summed twice."""


def container_targets() -> dict[str, list[str]]:
    """Job → addresses, as containers reach one another."""
    settings = Settings()
    hosts = {service.name: service.host for service in all_services(settings)}
    ports = settings.ports
    workers = [name for name in hosts if name.startswith("stream-worker-")]
    return {
        "api": [f"{hosts['lakehouse-api']}:{ports.api}"],
        "ingestion": [f"{hosts['ingestion']}:{ports.ingestion_metrics}"],
        "stream-workers": [f"{hosts[name]}:{ports.worker_web + n}" for n, name in enumerate(workers)],
        "prometheus": [f"127.0.0.1:{PROMETHEUS_PORT}"],
    }


def local_targets(settings: Settings, prometheus: str) -> dict[str, list[str]]:
    """The same for a copy that runs on this machine; ``prometheus`` is its own address."""
    host, ports = settings.network.host, settings.ports
    workers = range(settings.streams.workers)
    return {
        "api": [f"{host}:{ports.api}"],
        "ingestion": [f"{host}:{ports.ingestion_metrics}"],
        "stream-workers": [f"{host}:{ports.worker_web + number}" for number in workers],
        "prometheus": [prometheus],
    }


def scrape_config(
    targets: Mapping[str, Sequence[str]],
    *,
    key_file: str = "",
    executors: bool = False,
    interval_seconds: int = INTERVAL_SECONDS,
) -> dict[str, Any]:
    """Content of `prometheus.yml`. ``key_file`` holds a key of the API, where it asks for one; ``executors``:
    whether Spark's executors are looked for by their container's name."""
    jobs = []
    for job, addresses in targets.items():
        told: dict[str, Any] = {"job_name": job}
        if job == "api" and key_file:
            told["authorization"] = {"type": "Bearer", "credentials_file": key_file}
        if job == "ingestion":
            drop = {"source_labels": ["__name__"], "regex": ASKED_TWICE, "action": "drop"}
            told["metric_relabel_configs"] = [drop]
        jobs.append({**told, "static_configs": [{"targets": list(addresses)}]})
    if executors:
        jobs.append(_executors())
    return {
        "global": {
            "scrape_interval": f"{interval_seconds}s",
            "scrape_timeout": f"{min(TIMEOUT_SECONDS, interval_seconds)}s",
            "evaluation_interval": f"{interval_seconds}s",
        },
        "rule_files": [RULES_FILE],
        "scrape_configs": jobs,
    }


def _executors() -> dict[str, Any]:
    """The driver's page has them, under the master's name; by name server, so that nothing is missing where
    there is no Spark."""
    return {
        "job_name": "spark-executors",
        "metrics_path": "/metrics/executors/prometheus/",
        "dns_sd_configs": [
            {"names": ["spark-master"], "type": "A", "port": Settings().ports.spark_driver_ui}
        ],
    }
