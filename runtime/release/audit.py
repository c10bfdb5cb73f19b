"""Known vulnerabilities of what is locked, where the data on them can be reached."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from contracts.errors import DependencyError
from runtime.release.tools import LOCK, RUN_LOCK, tools

REACH_SECONDS = 10.0
"""For one question, which says whether the data can be reached at all."""
AUDIT_SECONDS = 600.0
LOCKS = (
    "requirements.lock",
    LOCK,
    "requirements-docs.lock",
    "requirements-build.lock",
    "requirements-uv.lock",
)
"""What an installed platform needs is in the first of them."""
_AWAY = re.compile(
    r"ConnectionError|ServiceError|Could not connect|NameResolution|Max retries|ProxyError|timed out|Timeout"
    r"|Failed to (?:query|resolve)",
    re.IGNORECASE,
)


class Audited(Struct, frozen=True, kw_only=True):
    """What came of it."""

    state: str
    """`clean`, `vulnerable` or `skipped`."""
    says: str


def audit(root: Path, told: Callable[[str], None]) -> Audited:
    """Every package of every lock, by the tool's own source of data.

    First one package is asked for: where that source cannot be reached the audit is skipped, and says so.
    Raises DependencyError where the tool fails otherwise.
    """
    try:
        python = tools(root, told)
    except DependencyError as error:
        return Audited(state="skipped", says=f"the tools cannot be had: {error}")
    with tempfile.TemporaryDirectory(prefix="dp-audit-") as folder:
        first = Path(folder) / "one.txt"
        first.write_text(_first_entry(root / RUN_LOCK), "utf-8")
        away = _asked(python, first, REACH_SECONDS)
        if away.state == "skipped":
            return away
        # One at a time: the tool refuses a package that several of them name.
        found = [_asked(python, root / name, AUDIT_SECONDS) for name in LOCKS]
    for state in ("vulnerable", "skipped"):
        if said := [one.says for one in found if one.state == state]:
            return Audited(state=state, says="\n".join(said))
    return Audited(state="clean", says=f"nothing is known of the packages of {', '.join(LOCKS)}")


def _asked(python: Path, lock: Path, seconds: float) -> Audited:
    options = ("--disable-pip", "--require-hashes", "--progress-spinner", "off", "--timeout", "5")
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    try:
        done = subprocess.run(
            [str(python), "-I", "-m", "pip_audit", *options, "--requirement", str(lock)],
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        return Audited(state="skipped", says=f"the data on vulnerabilities gave no answer in {seconds:.0f} s")
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()
    if done.returncode == 0:
        return Audited(state="clean", says=said[-1] if said else "no known vulnerabilities found")
    if (
        done.stdout.strip() and "Vulnerability" in done.stdout + done.stderr
    ) or "known vulnerabilit" in done.stderr:
        return Audited(state="vulnerable", says=f"{done.stderr.strip()}\n{done.stdout.strip()}")
    if _AWAY.search(done.stderr):
        return Audited(state="skipped", says="the data on vulnerabilities cannot be reached from here")
    raise DependencyError(f"the audit failed: {(said or ['no word'])[-1][:400]}")


def _first_entry(lock: Path) -> str:
    """The first requirement, with its hashes."""
    return re.split(r"\n(?=\S)", lock.read_text("utf-8"), maxsplit=1)[0] + "\n"
