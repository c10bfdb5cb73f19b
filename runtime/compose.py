"""Renders docker-compose.yml from the declaration of the services: ``python -m runtime.compose``.

Some settings need other containers: who coordinates the broker, and what runs the tables. Each of their
values is a profile. What is the same under several profiles is one container with all of them; what differs
is one for each, with the same name on the network, so that nothing else has to know.
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from contracts import configuration
from contracts.settings import Settings
from runtime import block_yaml
from runtime.observability.containers import SECRETS, observability
from runtime.services import all_services
from runtime.topology.declaration import Port, Service
from runtime.topology.supervisor import STOP_SECONDS

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "docker-compose.yml"
NAME = "data-platform"
DATA = "/var/lib/lakehouse"
OUTPUTS = "/var/lib/spark/outputs"
VOLUMES = {
    "lakehouse": DATA,
    "outputs": OUTPUTS,
    "kafka": f"{DATA}/kafka",
    "zookeeper": f"{DATA}/zookeeper",
}
CHOICES = {
    "kafka.coordination": ("zookeeper", "kraft"),
    "lakehouse.engine": ("spark", "embedded"),
}
"""Settings whose values are profiles, the default first. Exactly one of each is active."""
USER = "10001:10001"
"""Of the images; volumes belong to it."""
JAVA_PIDS, PYTHON_PIDS = 2048, 512
HEADER = """\
# Made by `python -m runtime.compose` from runtime/services.py: change that, not this.
#
#   docker compose up --detach --build
#
# starts the platform with ZooKeeper and Spark: the profiles that COMPOSE_PROFILES in .env names. Others:
#
#   COMPOSE_PROFILES=kraft,embedded,simulators docker compose up --detach --build
#
#   zookeeper | kraft     who keeps the broker's metadata: one of the two
#   spark | embedded      what runs silver, gold and the batch jobs: one of the two
#   simulators            simulated events
#   observability         Prometheus and Grafana, which need two secrets first
#
# `--profile` on the command line takes the place of that list, and is not added to it. Only the API (8888) is
# published beyond this host, and asks for a key. What each container runs is `dp service NAME`, the same
# declaration that `dp up` starts without containers. All of it: docs/deployment.md
"""


class _Container(Struct):
    """A service as one container, under the profiles where it is this very one."""

    service: Service
    content: dict[str, Any]
    profiles: list[str] = field(default_factory=list)
    depends_on: dict[str, tuple[_Container, str]] = field(default_factory=dict)
    """Name → the container, and the condition under which it counts as started."""
    name: str = ""

    def may_lack(self, other: _Container) -> bool:
        """Whether the other is not always active when this one is."""
        profiles = set(other.profiles)
        in_any_case = not profiles or any(set(values) <= profiles for values in CHOICES.values())
        return not in_any_case and not (self.profiles and set(self.profiles) <= profiles)


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
        "spark.ui_forward": f"{hosts['lakehouse-driver']}:{ports.spark_driver_ui}",
        "lakehouse.control_url": f"http://{hosts['lakehouse-driver']}:{ports.lakehouse_control}",
        "api.keys": "true",
    }
    return {configuration.variable_name(key): value for key, value in values.items()}


def document() -> dict[str, Any]:
    """The compose file's content."""
    containers = _containers()
    volumes = {name for one in containers for name in one.service.volumes}
    watching = observability()
    return {
        "name": NAME,
        "x-environment": environment(),
        "services": {one.name: _finished(one) for one in containers} | watching,
        "networks": {NAME: {"name": NAME, "driver": "bridge"}},
        "volumes": {name: {} for name in (*(n for n in VOLUMES if n in volumes), *watching)},
        "secrets": {name: {"file": file} for name, file in SECRETS.items()},
    }


def render() -> str:
    """The file's text."""
    return f"{HEADER}\n{block_yaml.text(document(), {'environment': environment()})}"


def combinations() -> Iterator[dict[str, str]]:
    """Every way in which the alternatives can be chosen, as flags; the default first."""
    for values in itertools.product(*CHOICES.values()):
        yield dict(zip(CHOICES, values, strict=True))


def _containers() -> list[_Container]:
    found: dict[str, list[_Container]] = {}
    for chosen in combinations():
        settings = configuration.load(environ=environment(), flags=chosen).settings
        declared = {service.name: service for service in all_services(settings)}
        these: dict[str, _Container] = {}
        for service in declared.values():
            content = _content(service, settings)
            variants = found.setdefault(service.name, [])
            same = next((one for one in variants if one.content == content), None)
            if same is None:
                same = _Container(service=service, content=content)
                same.name = service.host if not variants else f"{service.host}-{service.profile}"
                variants.append(same)
            if service.profile and service.profile not in same.profiles:
                same.profiles.append(service.profile)
            these[service.name] = same
        for name, service in declared.items():
            for condition, others in (
                ("service_started", service.after),
                ("service_healthy", service.depends_on),
            ):
                wanted = ((these[other], condition) for other in others)
                these[name].depends_on |= {one.name: (one, condition) for one, condition in wanted}
    return [one for variants in found.values() for one in variants]


def _content(service: Service, settings: Settings) -> dict[str, Any]:
    """What of a container depends on nothing but its service."""
    target = "java" if service.java else "python"
    own_folders = [] if "lakehouse" in service.volumes else [f"{DATA}/run"]
    return {
        "container_name": service.host,
        "hostname": service.host,
        "image": f"{NAME}-{target}:${{DP_VERSION:-{_version()}}}",
        "build": {"context": ".", "target": target},
        "command": ["service", service.name],
        "environment": {
            **environment(),
            **{configuration.variable_name(key): value for key, value in service.container_settings.items()},
            "DP_SERVICE": service.name,
        },
        "ports": [_published(port) for port in service.ports if port.publish],
        "expose": [str(port.number) for port in service.ports],
        "volumes": [f"{name}:{VOLUMES[name]}" for name in service.volumes],
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
        "cpus": service.cores,
        "pids_limit": JAVA_PIDS if service.java else PYTHON_PIDS,
        "user": USER,
        "read_only": True,
        # Libraries in jars are unpacked into /tmp and loaded from there.
        "tmpfs": ["/tmp:exec,mode=1777", *(f"{folder}:mode=1777" for folder in own_folders)],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "logging": {
            "driver": "json-file",
            "options": {"max-size": f"{settings.logs.max_bytes}", "max-file": f"{settings.logs.keep}"},
        },
    }


def _finished(container: _Container) -> dict[str, Any]:
    host = container.service.host
    alias = {"aliases": [host]} if container.name != host else None
    content = {
        "profiles": container.profiles,
        **container.content,
        "networks": {NAME: alias} if alias else [NAME],
        "depends_on": {
            name: {"condition": condition, **({"required": False} if container.may_lack(other) else {})}
            for name, (other, condition) in container.depends_on.items()
        },
    }
    return {key: value for key, value in content.items() if value not in ([], {})}


def _published(port: Port) -> str:
    published = f"{port.number}:{port.number}"
    return published if port.publish == "everywhere" else f"127.0.0.1:{published}"


def _version() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return str(project["version"])


if __name__ == "__main__":
    FILE.write_text(render(), "utf-8")
