"""Renders docker-compose.yml from the declaration of the services: ``python -m runtime.compose``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from contracts import configuration
from contracts.settings import Settings
from runtime.services import all_services
from runtime.topology.declaration import Port, Service
from runtime.topology.supervisor import STOP_SECONDS

FILE = Path(__file__).resolve().parent.parent / "docker-compose.yml"
NAME = "data-platform"
IMAGE = "${DP_IMAGE:-data-platform:latest}"
DATA = "/var/lib/lakehouse"
OUTPUTS = "/var/lib/spark/outputs"
VOLUMES = {
    "lakehouse": DATA,
    "outputs": OUTPUTS,
    "kafka": f"{DATA}/kafka",
    "zookeeper": f"{DATA}/zookeeper",
}
HEADER = """\
# Made by `python -m runtime.compose` from runtime/services.py: change that, not this.
#
#   docker compose up --detach --build                          the platform
#   docker compose --profile simulators up --detach --build     with simulated events
#
# Only the API (8888) is published beyond this host, and asks for a key. What each container runs is
# `dp service NAME`, the same declaration that `dp up` starts without containers.
"""


def environment() -> dict[str, str]:
    """Variables that every container shares: who is where, in the words of the settings."""
    defaults = Settings()
    ports = defaults.ports
    hosts = {service.name: service.host for service in all_services(defaults)}
    values = {
        "network.host": "0.0.0.0",
        "paths.data": DATA,
        "paths.outputs": OUTPUTS,
        "kafka.bootstrap": f"{hosts['kafka']}:{ports.kafka}",
        "kafka.topics": "manage",
        "kafka.zookeeper": f"{hosts['zookeeper']}:{ports.zookeeper}",
        "registry.url": f"http://{hosts['schema-registry']}:{ports.schema_registry}/apis/ccompat/v7",
        "spark.master": f"spark://{hosts['spark-master']}:{ports.spark_master}",
        "lakehouse.control_url": f"http://{hosts['lakehouse-driver']}:{ports.lakehouse_control}",
        "api.keys": "true",
    }
    return {configuration.variable_name(key): value for key, value in values.items()}


def document() -> dict[str, Any]:
    """The compose file's content."""
    settings = configuration.load(environ=environment()).settings
    declared = {service.name: service for service in all_services(settings)}
    volumes = {name for service in declared.values() for name in service.volumes}
    return {
        "name": NAME,
        "services": {service.host: _service(service, declared) for service in declared.values()},
        "networks": {NAME: {"name": NAME, "driver": "bridge"}},
        "volumes": {name: {} for name in VOLUMES if name in volumes},
    }


def render() -> str:
    """The file's text."""
    return HEADER + "\n" + "\n".join(_yaml(document(), 0)) + "\n"


def _service(service: Service, declared: Mapping[str, Service]) -> dict[str, Any]:
    content: dict[str, Any] = {
        "container_name": service.host,
        "hostname": service.host,
        "image": IMAGE,
        "build": ".",
        "command": ["service", service.name],
        # Executors call back whichever container holds their application.
        "environment": {
            **environment(),
            configuration.variable_name("spark.driver_host"): service.host,
            "DP_SERVICE": service.name,
        },
        "networks": [NAME],
        "ports": [_published(port) for port in service.ports if port.publish],
        "expose": [str(port.number) for port in service.ports],
        "volumes": [f"{name}:{VOLUMES[name]}" for name in service.volumes],
        "depends_on": {declared[name].host: {"condition": "service_healthy"} for name in service.depends_on},
        "healthcheck": {
            "test": ["CMD", "python", "-m", "runtime", "service", service.name, "--check"],
            "interval": "15s",
            "timeout": "15s",
            "retries": 4,
            "start_period": f"{service.start_seconds:.0f}s",
            "start_interval": "2s",
        },
        "restart": "unless-stopped",
        "stop_grace_period": f"{STOP_SECONDS:.0f}s",
        "init": True,
        "mem_limit": f"{service.memory_mb * 2}m",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
    }
    if service.cores:
        content["cpus"] = service.cores
    if service.profile:
        content["profiles"] = [service.profile]
    return {key: value for key, value in content.items() if value not in ([], {})}


def _published(port: Port) -> str:
    published = f"{port.number}:{port.number}"
    return published if port.publish == "everywhere" else f"127.0.0.1:{published}"


def _yaml(value: Mapping[str, Any], depth: int) -> Iterator[str]:
    """Block mappings of flow sequences and scalars, all that the document has."""
    indent = "  " * depth
    for key, content in value.items():
        if isinstance(content, Mapping) and content:
            yield f"{indent}{key}:"
            yield from _yaml(content, depth + 1)
        else:
            # JSON is YAML.
            yield f"{indent}{key}: {json.dumps(content)}"


if __name__ == "__main__":
    FILE.write_text(render(), "utf-8")
