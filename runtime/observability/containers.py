"""The containers of Prometheus and Grafana, whose images are others'."""

from __future__ import annotations

from typing import Any

from contracts.settings import Settings

NETWORK = "data-platform"
PROFILE = "observability"
PROMETHEUS_IMAGE = "prom/prometheus:v3.16.0"
GRAFANA_IMAGE = "grafana/grafana:13.2.3"
PROMETHEUS_PORT = 9090
GRAFANA_PORT = 3000
API_KEY = "prometheus-api-key"
GRAFANA_PASSWORD = "grafana-admin-password"
SECRETS = {name: f"${{DP_SECRETS:-./secrets}}/{name}" for name in (API_KEY, GRAFANA_PASSWORD)}
"""Secrets that come from outside, and their files on the host."""
RETENTION = "15d"


def observability() -> dict[str, dict[str, Any]]:
    """The two containers of the profile, by name."""
    prometheus = {
        **_hardened("prometheus", PROMETHEUS_IMAGE, PROMETHEUS_PORT, user="65534:65534", memory_mb=1024),
        "command": [
            "--config.file=/etc/prometheus/prometheus.yml",
            "--storage.tsdb.path=/prometheus",
            f"--storage.tsdb.retention.time={RETENTION}",
        ],
        "volumes": ["./deployment/prometheus:/etc/prometheus:ro", "prometheus:/prometheus"],
        "secrets": [API_KEY],
        "depends_on": {"lakehouse-api": {"condition": "service_started"}},
        "healthcheck": _checked("promtool", "check", "healthy", f"--url=http://127.0.0.1:{PROMETHEUS_PORT}"),
    }
    grafana = {
        **_hardened("grafana", GRAFANA_IMAGE, GRAFANA_PORT, user="472:0", memory_mb=512),
        "environment": {
            "GF_SECURITY_ADMIN_PASSWORD__FILE": f"/run/secrets/{GRAFANA_PASSWORD}",
            "GF_AUTH_ANONYMOUS_ENABLED": "false",
            "GF_USERS_ALLOW_SIGN_UP": "false",
            "GF_ANALYTICS_REPORTING_ENABLED": "false",
            "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
            "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
            "GF_LOG_MODE": "console",
            "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": "/etc/grafana/dashboards/operations.json",
        },
        "volumes": [
            "./deployment/grafana/provisioning:/etc/grafana/provisioning:ro",
            "./deployment/grafana/dashboards:/etc/grafana/dashboards:ro",
            "grafana:/var/lib/grafana",
        ],
        "secrets": [GRAFANA_PASSWORD],
        "depends_on": {"prometheus": {"condition": "service_healthy"}},
        "healthcheck": _checked("wget", "-q", "--spider", f"http://127.0.0.1:{GRAFANA_PORT}/api/health"),
    }
    return {"prometheus": prometheus, "grafana": grafana}


def _hardened(name: str, image: str, port: int, *, user: str, memory_mb: int) -> dict[str, Any]:
    logs = Settings().logs
    return {
        "profiles": [PROFILE],
        "container_name": name,
        "hostname": name,
        "image": image,
        "networks": [NETWORK],
        "ports": [f"127.0.0.1:{port}:{port}"],
        "expose": [str(port)],
        "restart": "unless-stopped",
        "stop_grace_period": "20s",
        "init": True,
        "mem_limit": f"{memory_mb}m",
        "cpus": 1,
        "pids_limit": 512,
        "user": user,
        "read_only": True,
        "tmpfs": ["/tmp:mode=1777"],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "logging": {
            "driver": "json-file",
            "options": {"max-size": f"{logs.max_bytes}", "max-file": f"{logs.keep}"},
        },
    }


def _checked(*command: str) -> dict[str, Any]:
    return {
        "test": ["CMD", *command],
        "interval": "15s",
        "timeout": "10s",
        "retries": 4,
        "start_period": "60s",
    }
