"""Makes the virtual environment from the hash-pinned locks.

Order matters: a mark is set before the first package is touched and the stamp is written after the last one,
so an environment that was cut off is recognised and made anew.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from runtime.bootstrap.environment import Environment
from runtime.bootstrap.errors import SetupError, explain
from runtime.bootstrap.index import (
    cache_folder,
    no_index_argument,
    pip_environment,
    pip_options,
    uv_environment,
)
from runtime.bootstrap.locking import exclusively
from runtime.bootstrap.processes import run_logged
from runtime.bootstrap.progress import Progress, duration, megabytes
from runtime.bootstrap.synced import SyncWatch

DISK_BYTES = 3_000_000_000
"""Room that a first set-up takes at its peak, with pyspark unpacked twice; 1.6 GB of it stay."""
Run = Callable[..., int]
"""`run_logged`, told the log and the lock."""
PATH_FILE = "dataplatform.pth"
SUPPORTED = ("3.11", "3.12", "3.13")


def install(environment: Environment, progress: Progress) -> None:
    """Completes the environment. Raises SetupError with what to do where it cannot."""
    try:
        with exclusively(environment.lock, progress, "the Python environment") as held:
            if not environment.is_ready() or _named_another(environment):
                _install(environment, progress, partial(run_logged, log=environment.log, holding=held))
    except OSError as error:
        raise SetupError(f"set-up: {error}; is {environment.root} writable, and is there room?") from error


def _install(environment: Environment, progress: Progress, run: Run) -> None:
    started = time.monotonic()
    environment.log.unlink(missing_ok=True)
    environment.stamp.unlink(missing_ok=True)
    if not _is_sound(environment):
        _require_disk(environment)
        progress.say("setting up this checkout; the first time takes a few minutes")
        _make(environment, progress, run)
    environment.unfinished.touch()
    options = _pip_options(environment)
    downloads = _install_uv(environment, options, progress, run)
    downloads += _sync(environment, options, progress, run)
    _put_on_path(environment)
    environment.unfinished.unlink()
    os.sync()  # a power cut must not leave a stamp beside files that never reached the disk
    temporary = environment.stamp.with_suffix(".new")
    temporary.write_text(environment.identity(), "utf-8")
    temporary.replace(environment.stamp)
    total = time.monotonic() - started
    rest = duration(total - downloads)
    progress.say(f"set up in {duration(total)}: downloads {duration(downloads)}, the rest {rest}")


def _is_sound(environment: Environment) -> bool:
    """Whether what is there can be brought up to date instead of being made anew."""
    if not environment.python.exists() or environment.unfinished.exists() or _named_another(environment):
        return False
    if any(path.read_text("utf-8").strip() != str(environment.root) for path in _path_files(environment)):
        return False  # copied or moved here: its programs still name the old place
    program = "import sys, encodings; print('%d.%d' % sys.version_info[:2], sys.prefix)"
    answer = subprocess.run(
        [environment.python, "-I", "-c", program], capture_output=True, text=True, check=False
    )
    version, _, prefix = answer.stdout.strip().partition(" ")
    return answer.returncode == 0 and version in SUPPORTED and Path(prefix) == environment.folder


def _named_another(environment: Environment) -> bool:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return "DP_PYTHON" in os.environ and not (environment.folder / "lib" / version).is_dir()


def _require_disk(environment: Environment) -> None:
    cache = cache_folder(os.environ)
    while not cache.exists():
        cache = cache.parent
    for folder in (environment.root, cache):
        free = shutil.disk_usage(folder).free
        if free < DISK_BYTES:
            raise SetupError(
                f"set-up needs {megabytes(DISK_BYTES)} of disk and {folder} has {megabytes(free)}; free some"
                + ("" if folder == environment.root else ", or set UV_CACHE_DIR to a roomier folder")
            )


def _make(environment: Environment, progress: Progress, run: Run) -> None:
    started = time.monotonic()
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    has_pip = importlib.util.find_spec("pip") is not None
    if "venv" in missing or ("ensurepip" in missing and not has_pip):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SetupError(
            f"this Python ({sys.executable}) lacks the module {missing[0]}; "
            f"install it (Debian, Ubuntu: sudo apt install python{version}-venv) and run the same again"
        )
    # Without ensurepip, as on a Debian with python3-pip alone, the base Python's pip installs into it.
    arguments = ["--without-pip"] if missing else []
    _discard(environment)
    environment.folder.mkdir()
    environment.unfinished.touch()
    command: list[str | Path] = [sys.executable, "-I", "-m", "venv", *arguments, environment.folder]
    if run(command, env=os.environ) != 0:
        raise explain("making .venv", environment.log)
    progress.say(f"made .venv with Python {sys.version.split()[0]} in {duration(time.monotonic() - started)}")


def _discard(environment: Environment) -> None:
    """Removes what is there. Moved away first: half removed and without its mark it would look sound."""
    old = environment.lock.with_name("discarded")
    shutil.rmtree(old, ignore_errors=True)
    if environment.folder.is_symlink():
        environment.folder.unlink()
    elif environment.folder.exists():
        environment.folder.rename(old)
        shutil.rmtree(old, ignore_errors=True)


def _pip(environment: Environment) -> list[str | Path]:
    """pip of the environment, or where it has none the base Python's, told to work on the environment."""
    if any(environment.folder.glob("lib/python3*/site-packages/pip")):
        return [environment.python, "-I", "-m", "pip"]
    return [sys.executable, "-m", "pip", "--python", environment.python]


def _pip_options(environment: Environment) -> dict[str, str]:
    command = [*_pip(environment), "config", "list"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, env=_clean())
    return pip_options(answer.stdout)


def _clean() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}


def _install_uv(environment: Environment, options: dict[str, str], progress: Progress, run: Run) -> float:
    """Seconds of downloading."""
    lock = environment.root / "requirements-uv.lock"
    pinned = re.search(r"^uv==(\S+)", lock.read_text("utf-8"), re.MULTILINE)
    if pinned and environment.uv.exists():
        answer = subprocess.run([environment.uv, "--version"], capture_output=True, text=True, check=False)
        if answer.stdout.split()[1:2] == [pinned[1]]:
            return 0.0
    started = time.monotonic()
    command = [
        *_pip(environment),
        *("install", "--require-hashes", "--no-deps", "--only-binary", ":all:"),
        *("--requirement", lock),
    ]
    env = pip_environment(os.environ, options)
    if run(command, env=env, tick=lambda: progress.update("fetching uv")) != 0:
        raise explain("fetching uv", environment.log)
    seconds = time.monotonic() - started
    progress.say(f"fetched uv, which installs the rest, in {duration(seconds)}")
    return seconds


def _sync(environment: Environment, options: dict[str, str], progress: Progress, run: Run) -> float:
    """Seconds of downloading."""
    env = uv_environment(os.environ, options)
    root = environment.root
    packages = len(
        re.findall(r"^[a-z0-9].*==", (root / "requirements.lock").read_text("utf-8"), re.MULTILINE)
    )
    progress.say(f"Python packages: {packages} pinned in requirements.lock, Java among them")
    command: list[str | Path] = [
        *(environment.uv, "pip", "sync", "--python", environment.python),
        *("--require-hashes", "--require-build-hashes", "--preview-features", "build-dependency-hashes"),
        *("--build-constraints", root / "requirements-build.lock"),
        # Here once, on all cores, instead of in the first start of every service one after another (and in
        # each start where Python is told to write no bytecode).
        "--compile-bytecode",
        *no_index_argument(env),
        root / "requirements.lock",
    ]
    watch = SyncWatch(environment.log, progress)
    # Not in the checkout: a user's .python-version or uv.toml there is no business of this installation.
    if run(command, env=env, tick=watch, cwd=environment.folder) != 0:
        raise explain("Python packages", environment.log)
    watch()
    progress.say(watch.summary())
    return watch.download_seconds


def _put_on_path(environment: Environment) -> None:
    (site_packages,) = environment.folder.glob("lib/python3*/site-packages")
    (site_packages / PATH_FILE).write_text(f"{environment.root}\n", "utf-8")


def _path_files(environment: Environment) -> list[Path]:
    return list(environment.folder.glob(f"lib/python3*/site-packages/{PATH_FILE}"))
