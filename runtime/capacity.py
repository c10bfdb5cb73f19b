"""Whether the machine has the memory that a start needs, told before anything is started."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from contracts.errors import DependencyError
from contracts.settings import Settings

MIB = 1024**2
JVM_OVERHEAD_MB = 120
"""What a JVM takes beside its heap: code, metaspace, threads."""
EXECUTORS = 2
PYTHON_MB = 1100
"""Ingestion, one stream worker, five simulators, the API with its sandbox, and the supervisor."""
DRIVER_PYTHON_MB = 250
ENOUGH = 0.8
"""Share of the need that has to be free: heaps are limits, not all of them fill."""


def needed_bytes(settings: Settings) -> int:
    """Memory of all that is started here with these settings, from the heaps of its JVMs."""
    heaps = []
    if not settings.kafka.bootstrap:
        heaps += [settings.kafka.heap_mb]
        if settings.kafka.coordination == "zookeeper":
            heaps += [settings.kafka.zookeeper_heap_mb]
    if not settings.registry.url:
        heaps += [settings.registry.heap_mb]
    if settings.lakehouse.engine == "spark":
        heaps += [settings.spark.driver_memory_mb]
        if not settings.spark.master:
            heaps += [settings.spark.daemon_memory_mb] * 3
            heaps += [settings.spark.executor_memory_mb] * EXECUTORS
    rest = PYTHON_MB + DRIVER_PYTHON_MB
    return (sum(heap + JVM_OVERHEAD_MB for heap in heaps) + rest) * MIB


def available_bytes(root: Path = Path("/")) -> int:
    """Memory that can still be taken here: of the machine, and of every control group that we are in."""
    limits = [_available_of_machine(root), *_available_of_groups(root)]
    return min(limit for limit in limits if limit is not None)


def require_memory(settings: Settings) -> None:
    """Raises DependencyError where the platform would not fit; the message says what would."""
    needed, available = needed_bytes(settings), available_bytes()
    if available >= needed * ENOUGH:
        return
    advice = "close other programs"
    if settings.lakehouse.engine == "spark":
        advice += ", or start without Spark: dp up --engine embedded"
    raise DependencyError(
        f"about {needed / 1e9:.1f} GB of memory are needed with the {settings.lakehouse.engine} engine "
        f"and {available / 1e9:.1f} GB are available; {advice}"
    )


def _available_of_machine(root: Path) -> int:
    for line in (root / "proc/meminfo").read_text("ascii").splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    raise DependencyError("/proc/meminfo says nothing of available memory; Linux 3.14 or later is needed")


def _available_of_groups(root: Path) -> Iterator[int | None]:
    groups = (root / "proc/self/cgroup").read_text("utf-8").splitlines()
    for line in groups:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base, names = root / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            base = root / "sys/fs/cgroup/memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        folder = base / path.lstrip("/")
        for group in (folder, *folder.parents):
            yield _left_in(group, *names)
            if group == base:
                break


def _left_in(group: Path, limit: str, usage: str, reclaimable: str) -> int | None:
    """What is left of a group's limit, its reclaimable page cache counted as free; None without a limit."""
    try:
        most = int((group / limit).read_text("ascii"))
        used = int((group / usage).read_text("ascii"))
        pairs = (line.split() for line in (group / "memory.stat").read_text("ascii").splitlines())
    except (FileNotFoundError, ValueError):  # no such file at the root group; "max" is no number
        return None
    cached = next((int(value) for name, value in pairs if name == reclaimable), 0)
    return most - max(0, used - cached)
