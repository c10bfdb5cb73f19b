"""QUICK_START.md, command by command, in a fresh clone; on the embedded engine, with ports of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.settings import Ports
from runtime.bootstrap.environment import Environment
from runtime.bootstrap.install import PATH_FILE
from runtime.testing import EXAMPLES
from runtime.topology import leftovers
from tests.streams.local_kafka import free_ports
from tests.system.told_commands import Told, comes, told_by

ROOT = Path(__file__).resolve().parents[2]
DEFAULTS = Ports()


class Clone:
    """A fresh clone. What was downloaded and installed for this checkout is linked into it, as setting it up
    anew takes minutes (the tests of the bootstrap do it); with `--long` it sets itself up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
        if os.environ.get(EXAMPLES) != "long":
            _link(ROOT / ".jars", folder / ".jars")
            _link(ROOT / ".venv", folder / ".venv")
            environment = Environment(folder)
            (site_packages,) = environment.folder.glob("lib/python3*/site-packages")
            (site_packages / PATH_FILE).write_text(f"{folder}\n", "utf-8")
            environment.stamp.write_text(environment.identity(), "utf-8")
        names = Ports.__struct_fields__
        self._ports = dict(zip(names, free_ports(len(names)), strict=True))
        self._environment = {name: text for name, text in os.environ.items() if not name.startswith("DP_")}
        self._environment |= {f"DP_PORTS_{name.upper()}": str(port) for name, port in self._ports.items()}
        self._environment["DP_LAKEHOUSE_ENGINE"] = "embedded"

    def run(self, command: str, *, may_fail: bool = False) -> str:
        """Standard output; fails the test where the command fails and may not."""
        for name, port in self._ports.items():
            command = command.replace(f":{getattr(DEFAULTS, name)}/", f":{port}/")
            command = command.replace(f":{getattr(DEFAULTS, name)}'", f":{port}'")
        with subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        ) as running:
            try:
                printed, complaint = running.communicate()
            except BaseException:
                # The test's time is over: what set-up and start would do from here on nobody would end.
                os.killpg(running.pid, signal.SIGKILL)
                raise
        if running.returncode and not may_fail:
            pytest.fail(f"{command}\nended with {running.returncode}:\n{printed}\n{complaint}")
        return printed

    def try_out(self, told: Told) -> None:
        """The test's own time limit ends a wait for what never comes."""
        printed = self.run(told.command, may_fail=told.again)
        while told.again and not comes(told.shown, printed):
            time.sleep(1)
            printed = self.run(told.command, may_fail=True)
        if told.shown and not comes(told.shown, printed):
            pytest.fail(f"{told.command}\nshould have printed\n{told.shown}\nand printed\n{printed}")

    def end(self) -> None:
        """Leaves nothing behind, whatever the test did: a supervisor would start anew what is killed."""
        python = self.folder / ".venv/bin/python"
        if not python.exists():
            return  # it was not set up, and so not started
        subprocess.run(
            [python, "-P", "-m", "runtime", "down"],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            check=False,
        )
        leftovers.end(str(self.folder / "data"))


def _link(source: Path, target: Path) -> None:
    """Without the files that say where an environment lies: written in the copy, they would change ours."""
    own = shutil.ignore_patterns(PATH_FILE, "dp-complete")
    shutil.copytree(source, target, symlinks=True, ignore=own, copy_function=_link_or_copy)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    if not (ROOT / ".git").exists():
        pytest.skip("no clone can be made of what is no checkout")
    made = Clone(tmp_path / "dataplatform")
    try:
        yield made
    finally:
        made.end()


@pytest.mark.timeout(1200)
def test_the_page_s_commands_print_what_it_shows(clone: Clone) -> None:
    commands = list(told_by(clone.folder / "QUICK_START.md"))
    assert commands[0].note == "the test clones this checkout" and len(commands) > 9
    for told in commands[1:]:
        clone.try_out(told)
    assert leftovers.find(str(clone.folder / "data")) == []
    assert (clone.folder / "data/gold/event_metrics_gold/_delta_log").is_dir()


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a 1 b", "a   23.5 b", True),
        ("a 1 b", "a 23 c", False),
        ("…\nlast", "first\nsecond\nlast", True),
        ("…\nlast", "last", True),
        ("…\nlast", "last\nmore", False),
        ("in … x", "in /some/where x", True),
        ("│ … │ 12 │", "│ page_view    │ 16,821 │", True),
        ("┏━━┳━┓", "┏━━━━━━━━┳━━━┓", True),
        ("one", "one\ntwo", False),
    ],
)
def test_what_comes_is_compared(shown: str, printed: str, same: bool) -> None:
    assert comes(shown, printed) is same
