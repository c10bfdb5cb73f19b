"""Memory is judged before anything starts, by machine and by control group."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.errors import DependencyError
from contracts.settings import Kafka, Lakehouse, Registry, Settings, Spark
from runtime import capacity

GIB = 1024**3


def machine(root: Path, *, available: int, cgroup: str = "") -> Path:
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "meminfo").write_text(
        f"MemTotal: 99999999 kB\nMemAvailable: {available // 1024} kB\n", "ascii"
    )
    (root / "proc" / "self" / "cgroup").write_text(cgroup, "utf-8")
    return root


def group(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content, "ascii")


def test_machine_alone(tmp_path: Path) -> None:
    assert capacity.available_bytes(machine(tmp_path, available=8 * GIB)) == 8 * GIB


def test_a_parent_groups_limit_counts_and_page_cache_is_free(tmp_path: Path) -> None:
    root = machine(tmp_path, available=64 * GIB, cgroup="0::/user/app\n")
    group(root / "sys/fs/cgroup/user/app", memory__max="max", memory__current="1", memory__stat="")
    (root / "sys/fs/cgroup/user/memory.max").write_text(str(4 * GIB), "ascii")
    (root / "sys/fs/cgroup/user/memory.current").write_text(str(3 * GIB), "ascii")
    (root / "sys/fs/cgroup/user/memory.stat").write_text(f"anon 5\ninactive_file {GIB}\n", "ascii")
    assert capacity.available_bytes(root) == 2 * GIB


def test_older_control_groups(tmp_path: Path) -> None:
    root = machine(tmp_path, available=64 * GIB, cgroup="9:name=systemd:/\n4:memory:/\n")
    group(
        root / "sys/fs/cgroup/memory",
        memory__limit_in_bytes=str(6 * GIB),
        memory__usage_in_bytes=str(GIB),
        memory__stat="total_inactive_file 0\n",
    )
    assert capacity.available_bytes(root) == 5 * GIB


def test_too_little_for_spark_says_how_much_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "available_bytes", lambda: 4 * 10**9)
    with pytest.raises(
        DependencyError, match=r"[56]\.\d GB of memory.* 4\.0 GB are available.*--engine embedded"
    ):
        capacity.require_memory(Settings())
    capacity.require_memory(Settings(lakehouse=Lakehouse(engine="embedded")))


def test_too_little_for_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "available_bytes", lambda: 10**9)
    with pytest.raises(DependencyError, match=r"1\.0 GB are available; close other programs$"):
        capacity.require_memory(Settings(lakehouse=Lakehouse(engine="embedded")))


def test_what_runs_elsewhere_needs_no_memory_here() -> None:
    all_local = capacity.needed_bytes(Settings())
    without_kafka = capacity.needed_bytes(Settings(kafka=Kafka(bootstrap="b:1")))
    nothing_local = capacity.needed_bytes(
        Settings(
            kafka=Kafka(bootstrap="b:1"), registry=Registry(url="http://r"), spark=Spark(master="spark://s:1")
        )
    )
    mib = 1024**2
    assert all_local - without_kafka == (512 + 64 + 2 * 120) * mib
    assert without_kafka - nothing_local == (192 + 120 + 3 * (128 + 120) + 2 * (900 + 120)) * mib
