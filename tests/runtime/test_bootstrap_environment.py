"""The stamp and the mark: what makes an environment trusted, brought up to date, or made anew."""

from __future__ import annotations

import fcntl
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.bootstrap import install
from runtime.bootstrap.environment import LOCKS, Environment
from runtime.bootstrap.errors import SetupError, explain
from runtime.bootstrap.locking import exclusively
from runtime.bootstrap.processes import run_logged
from runtime.bootstrap.progress import Progress, duration, megabytes
from runtime.bootstrap.synced import SyncWatch, seconds_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """A complete one, its Python a link to ours."""
    for name in LOCKS:
        (tmp_path / name).write_text(f"{name}\n", "utf-8")
    made = Environment(tmp_path)
    made.python.parent.mkdir(parents=True)
    made.python.symlink_to(os.path.realpath(sys.executable))
    (made.folder / "pyvenv.cfg").write_text(
        f"home = {Path(os.path.realpath(sys.executable)).parent}\n", "utf-8"
    )
    made.stamp.write_text(made.identity(), "utf-8")
    return made


def test_complete_one_is_ready(environment: Environment) -> None:
    assert environment.is_ready()


@pytest.mark.parametrize("name", LOCKS)
def test_changed_lock_is_noticed(environment: Environment, name: str) -> None:
    (environment.root / name).write_text("other==1\n", "utf-8")
    assert not environment.is_ready()


def test_moved_checkout_is_noticed(environment: Environment) -> None:
    moved = environment.root.with_name("moved")
    environment.root.rename(moved)
    assert not Environment(moved).is_ready()


def test_vanished_python_is_noticed(environment: Environment) -> None:
    environment.python.unlink()
    environment.python.symlink_to("/nowhere/python3.11")
    environment.stamp.write_text(environment.identity(), "utf-8")
    assert not environment.is_ready()
    assert not install._is_sound(environment)


def test_missing_stamp_is_brought_up_to_date(environment: Environment) -> None:
    environment.stamp.unlink()
    assert not environment.is_ready()
    assert install._is_sound(environment)


def test_cut_off_installation_is_never_trusted(environment: Environment) -> None:
    environment.stamp.unlink()
    environment.unfinished.touch()
    assert not install._is_sound(environment)


def test_environment_of_another_place_is_not_sound(environment: Environment) -> None:
    site_packages = environment.folder / "lib" / "python3.11" / "site-packages"
    site_packages.mkdir(parents=True)
    (site_packages / install.PATH_FILE).write_text("/somewhere/else\n", "utf-8")
    assert not install._is_sound(environment)


def test_too_small_a_disk_is_told_with_figures(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment.python.unlink()
    monkeypatch.setattr(install, "DISK_BYTES", 10**18)
    said = io.StringIO()
    with pytest.raises(
        SetupError, match=r"needs 1000000000\.0 GB of disk and .* has [\d.]+ [GM]B; free some"
    ):
        install.install(environment, Progress(said))
    assert not environment.is_ready()


def test_python_without_venv_says_what_to_install(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "DISK_BYTES", 0)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    environment.python.unlink()
    with pytest.raises(SetupError, match=r"lacks the module venv; .*sudo apt install python3\.1\d-venv"):
        install.install(environment, Progress(io.StringIO()))


@pytest.mark.parametrize(
    ("wrote", "said"),
    [
        ("error: failed to write: No space left on device (os error 28)", "no room left on the disk"),
        ("  cause: Hash mismatch for `setuptools==82.0.1`", "not the file that was pinned"),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE",
            "not the file that was pinned",
        ),
        (
            "sun.security.validator.ValidatorException: PKIX path building failed",
            "certificate is not trusted",
        ),
        ("cause: invalid peer certificate: UnknownIssuer", "certificate is not trusted"),
        ("error: Request failed\n cause: dns error", "no network"),
        ("WARNING: Retrying … NewConnectionError('…: [Errno 101] Network is unreachable')", "no network"),
        ("Segmentation fault", "failed"),
    ],
)
def test_failure_of_a_tool_is_explained_in_one_line(tmp_path: Path, wrote: str, said: str) -> None:
    log = tmp_path / "log"
    log.write_text(wrote, "utf-8")
    message = str(explain("packages", log))
    assert said in message and str(log) in message and "\n" not in message


def test_lock_is_held_by_what_a_killed_process_leaves_behind(tmp_path: Path) -> None:
    """The child survives its parent's kill -9 on purpose here; the lock is free only when it is gone."""
    program = (
        "import sys, os, subprocess, time\n"
        "from pathlib import Path\n"
        "from runtime.bootstrap.locking import exclusively\n"
        "from runtime.bootstrap.progress import Progress\n"
        f"with exclusively(Path({str(tmp_path / 'lock')!r}), Progress(), 'x') as held:\n"
        "    child = subprocess.Popen(['sleep', '600'], stdin=held)\n"
        "    print(child.pid, flush=True)\n"
        "    time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    with (tmp_path / "lock").open("a+") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.kill(child, signal.SIGKILL)
    with exclusively(tmp_path / "lock", Progress(io.StringIO()), "x"):
        pass


def test_interrupted_tool_is_killed(tmp_path: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with (tmp_path / "lock").open("a+") as held, pytest.raises(KeyboardInterrupt):
        run_logged(["sleep", "600"], tmp_path / "log", env=os.environ, holding=held, tick=interrupt)
    assert (tmp_path / "log").read_text("utf-8") == "$ sleep 600\n"


def test_summary_names_downloads_and_building_apart(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("Downloading of an earlier step (9.0GiB)\n", "utf-8")
    watch = SyncWatch(log, Progress(io.StringIO()))
    with log.open("a") as file:
        file.write("Resolved 88 packages in 1.23s\nDownloading pyarrow (52.5MiB)\n Downloaded pyarrow\n")
        file.write(
            "Downloading numpy (16.1MiB)\nPrepared 88 packages in 1m 05s\nInstalled 88 packages in 296ms\n"
        )
    watch()
    assert watch.download_seconds == 65.0
    assert watch.summary() == "Python packages: 88 downloaded in 1 min 5 s (72 MB), 88 installed"


def test_units() -> None:
    assert [seconds_of(text) for text in ("405ms", "44.41s", "1m 03s")] == [0.405, 44.41, 63.0]
    assert [duration(seconds) for seconds in (0.31, 44.4, 119.7)] == ["0.3 s", "44 s", "2 min 0 s"]
    assert [megabytes(size) for size in (1_500_000, 166_000_000, 3_000_000_000)] == [
        "1.5 MB",
        "166 MB",
        "3.0 GB",
    ]
