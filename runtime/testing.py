"""What `dp test` runs: the checks of the source, and pytest with the right marks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from runtime.bootstrap.place import ROOT
from runtime.bootstrap.progress import Progress, duration

Scope = Literal["fast", "default", "long"]
EXAMPLES = "HYPOTHESIS_PROFILE"
"""The variable that tells the tests their scope."""
INTERRUPTED = 2
"""pytest's code for an interrupt."""
CHECKS: dict[str, list[str]] = {
    "ruff check": ["-m", "ruff", "check", "--output-format", "concise", ".", "dp"],
    "ruff format": ["-m", "ruff", "format", "--check", ".", "dp"],
    "mypy": ["-m", "mypy"],
    "import-linter": ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
}
# The folder is left out too: merely importing what drives JVMs takes seconds.
WITHOUT_SYSTEM = ["--ignore", "tests/system"]
SELECTED: dict[Scope, list[str]] = {
    "fast": ["-m", "not system and not long and not heavy", *WITHOUT_SYSTEM],
    "default": ["-m", "not long"],
    "long": [],
}
SIDE_BY_SIDE: dict[Scope, list[str]] = {
    **SELECTED,
    "default": ["-m", "not system and not long", *WITHOUT_SYSTEM],
    "long": ["-m", "not system and not long", *WITHOUT_SYSTEM],
}
"""What needs no JVM and no long time."""
ONE_BY_ONE: dict[Scope, list[str]] = {
    "default": ["-m", "system and not long"],
    "long": ["-m", "system or long"],
}
# More processes than these spend their time importing.
PROCESSES = ["--numprocesses", "logical", "--maxprocesses", "8", "--dist", "worksteal"]


def run_checks(progress: Progress) -> list[str]:
    """Runs all of `CHECKS`, prints what the failed ones said, and gives the names of those."""
    failed = []
    for name, arguments in CHECKS.items():
        started = time.monotonic()
        answer = subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
        good = answer.returncode == 0
        progress.say(f"{name}: {'holds' if good else 'FAILED'} ({duration(time.monotonic() - started)})")
        if not good:
            failed.append(name)
            sys.stderr.write(answer.stdout + answer.stderr)
            sys.stderr.flush()
    return failed


def run_pytest(scope: Scope, arguments: Sequence[str], *, base: Path | None = None) -> int:
    """Runs pytest over the tests of `scope` from the root of the code, and gives its exit code.

    `arguments` go to pytest as they are, but for paths that exist relative to `base` (the working directory).
    Without any, the tests that need no JVM run first, side by side on the cores, and the others one after
    another: a broker and a cluster fill a small machine alone. An interrupt is left to pytest, so that its
    fixtures can stop what they started.
    """
    if arguments:
        base = Path.cwd() if base is None else base
        return _pytest(scope, *SELECTED[scope], *(_absolute(argument, base) for argument in arguments))
    code = _pytest(scope, *SIDE_BY_SIDE[scope], *PROCESSES)
    if scope == "fast" or code == INTERRUPTED:
        return code
    return _pytest(scope, *ONE_BY_ONE[scope]) or code


def _pytest(scope: Scope, *arguments: str) -> int:
    # Named, because pytest would otherwise look for a configuration near the paths it is given.
    configuration = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT)]
    command = [sys.executable, "-P", "-m", "pytest", *configuration, *arguments]
    # The scope also says how many examples a property is tried with. Without compiled files each of the
    # processes would spend half of its start on compiling the tests and rewriting their asserts.
    environment = {**os.environ, EXAMPLES: scope}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    # The terminal sends an interrupt to pytest as well. Caught here before it starts, so that it starts with
    # the default: a shell's background jobs inherit one that ignores it.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
        before_end = signal.signal(signal.SIGTERM, lambda *_: process.send_signal(signal.SIGINT))
        try:
            return process.wait()
        finally:
            signal.signal(signal.SIGTERM, before_end)
            signal.signal(signal.SIGINT, before)


def _absolute(argument: str, base: Path) -> str:
    path, colons, test = argument.partition("::")
    if argument.startswith("-") or not os.path.lexists(base / path):
        return argument
    return f"{(base / path).resolve()}{colons}{test}"
