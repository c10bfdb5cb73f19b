"""A release is built, installed elsewhere, and runs there without the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.settings import Ports
from runtime.bootstrap.place import ROOT
from runtime.jars import jars_folder
from runtime.release.building import build
from runtime.topology import leftovers
from runtime.version import version
from tests.streams.local_kafka import free_ports

EPOCH = "1700000000"
UV = Path(sys.executable).with_name("uv")


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both files, of the checkout as it is now."""
    folder = tmp_path_factory.mktemp("dist")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", EPOCH)
        build(ROOT, folder, lambda text: None, changes=True)
    return folder


class Installed:
    """A `dp` of its own, in a folder of its own, as somebody has it who knows nothing of the checkout."""

    def __init__(self, folder: Path, wheel: Path, constraints: Path) -> None:
        self.folder = folder / "elsewhere"
        self.folder.mkdir()
        venv = folder / "venv"
        self.program = venv / "bin" / "dp"
        run([UV, "venv", "--quiet", "--python", sys.executable, venv], ROOT)
        # Links to uv's cache, which has what the checkout was set up from.
        command = [UV, "pip", "install", "--quiet", "--link-mode", "symlink", "--python", venv / "bin/python"]
        run([*command, "--constraints", constraints, wheel], ROOT)
        # What the first start would download: where it would be put.
        cache = folder / "cache" / "dataplatform"
        cache.mkdir(parents=True)
        (cache / "jars").symlink_to(jars_folder_of_the_checkout())
        names = Ports.__struct_fields__
        ports = zip(names, free_ports(len(names)), strict=True)
        lines = ["[paths]", 'data = "here"', "[ports]", *(f"{name} = {port}" for name, port in ports)]
        lines += ["[health]", "disk_free_share = 0.0"]  # what is free on this machine is not what is tried
        (self.folder / "dataplatform.toml").write_text("\n".join(lines) + "\n", "utf-8")
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        self.environment = kept | {"PATH": os.defpath, "XDG_CACHE_HOME": str(folder / "cache")}

    def dp(self, *arguments: str, expect: int = 0) -> str:
        return run([self.program, *arguments], self.folder, self.environment, expect)


def jars_folder_of_the_checkout() -> Path:
    from contracts.settings import Settings

    return jars_folder(Settings())


def run(
    command: list[object], folder: Path, environment: dict[str, str] | None = None, expect: int = 0
) -> str:
    """Standard output; fails the test for another exit code."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != expect:
        pytest.fail(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    (wheel,) = dist.glob("*.whl")
    (constraints,) = dist.glob("*-constraints.txt")
    made = Installed(tmp_path_factory.mktemp("installed"), wheel, constraints)
    yield made
    instance = str((made.folder / "here").resolve())
    made.dp("down")
    leftovers.end(instance)


def test_the_same_commit_gives_the_same_bytes(
    dist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Built from another folder, whose files have other times."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", EPOCH)
    clone = tmp_path / "clone"
    for name in tracked():
        target = clone / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    found = build(clone, tmp_path / "dist", lambda text: None, changes=True)
    assert [name for name, _ in found] == sorted(path.name for path in dist.glob("dataplatform-*"))
    for name, _ in found:
        assert (tmp_path / "dist" / name).read_bytes() == (dist / name).read_bytes(), name


def tracked() -> list[str]:
    listed = run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], ROOT)
    return [name for name in listed.splitlines() if (ROOT / name).is_file()]


def test_files_are_whole(dist: Path) -> None:
    """The wheel has every file of every package, the source distribution every file there is."""
    (wheel,) = dist.glob("*.whl")
    (source,) = dist.glob("*.tar.gz")
    packages = {name.partition("/")[0] for name in tracked() if name.endswith("/__init__.py")} - {"tests"}
    ours = {name for name in tracked() if name.partition("/")[0] in packages}
    with zipfile.ZipFile(wheel) as content:
        names = {name for name in content.namelist() if ".dist-info/" not in name}
    assert names == ours
    with tarfile.open(source) as content:
        names = {name.partition("/")[2] for name in content.getnames()}
    assert names == {*tracked(), "PKG-INFO"}


@pytest.mark.timeout(900)
def test_it_runs_elsewhere(installed: Installed) -> None:
    assert installed.dp("--version") == f"dp {version()}\n"
    installed.dp("up", "--engine", "embedded", "--detach")
    answer = installed.dp("sql", "--json", "SELECT 6 * 7 AS answer")
    assert "42" in answer
    while installed.dp("sql", "--csv", "SELECT count(*) AS n FROM app_events_silver").split()[-1] == "0":
        time.sleep(0.5)
    told = installed.dp("doctor", "--area", "documentation", "--area", "infrastructure")
    assert "not a checkout" in told
    installed.dp("down")
    assert leftovers.find(str((installed.folder / "here").resolve())) == []
    assert sorted(path.name for path in installed.folder.iterdir()) == ["dataplatform.toml", "here"]


def test_what_needs_a_checkout_says_so(installed: Installed) -> None:
    for arguments in (("release", "build"), ("test", "--fast")):
        installed.dp(*arguments, expect=5)
