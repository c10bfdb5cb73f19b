"""Renders the table of containers in docs/deployment.md: ``python -m runtime.containers_reference``."""

from __future__ import annotations

from typing import Any

from contracts import configuration
from runtime import compose
from runtime.services import all_services

PAGE = compose.ROOT / "docs" / "deployment.md"
BEGIN, END = "<!-- containers: made by python -m runtime.containers_reference -->", "<!-- end -->"
OTHERS = {"prometheus": "samples every process, judges the rules", "grafana": "two dashboards"}


def render() -> str:
    """Markdown, a row for each container."""
    abouts = {
        service.host: service.summary
        for chosen in compose.combinations()
        for service in all_services(configuration.load(environ={}, flags=chosen).settings)
    } | OTHERS
    lines = [
        "| container | profile | image | published | volumes | memory, cores | does |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, content in compose.document()["services"].items():
        cells = (
            f"`{name}`",
            ", ".join(content.get("profiles", ())) or "always",
            _image(content),
            ", ".join(_published(port) for port in content.get("ports", ())) or "–",
            ", ".join(_volumes(content)) or "–",
            f"{content['mem_limit'].rstrip('m')} MiB, {content['cpus']:g}",
            abouts[content["container_name"]],
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def page() -> str:
    """The page with the table as it should be. Raises ValueError where it has no place for one."""
    text = PAGE.read_text("utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} has no place for the table")
    return f"{before}{BEGIN}\n{render()}{END}{after}"


def _image(content: dict[str, Any]) -> str:
    return str(content["build"]["target"] if "build" in content else content["image"])


def _volumes(content: dict[str, Any]) -> list[str]:
    """Named ones: what survives the container."""
    sources = (volume.split(":")[0] for volume in content.get("volumes", ()))
    return [source for source in sources if "/" not in source]


def _published(port: str) -> str:
    """`8888` to everybody, the others to the host alone."""
    return f"{port.split(':')[-1]} (host)" if port.startswith("127.0.0.1:") else f"**{port.split(':')[-1]}**"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
