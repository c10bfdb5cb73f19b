"""The jars of Kafka, ZooKeeper, Delta on Spark and the schema registry: resolved once, checked, then trusted.

They are resolved by the Ivy that pyspark ships into a folder beside their place, each file's SHA-256 is
compared with the committed list, and only then are they renamed into place; a stamp with the list's own hash
comes last. So a set-up that is cut off anywhere leaves nothing that a later one would trust.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from contracts.errors import DependencyError
from contracts.settings import Settings
from runtime.bootstrap.errors import SetupError, explain
from runtime.bootstrap.locking import exclusively
from runtime.bootstrap.place import kept_folder
from runtime.bootstrap.processes import run_logged
from runtime.bootstrap.progress import Progress, duration, megabytes
from runtime.java import java_executable
from runtime.java_downloads import download_options

ARTIFACTS = Path(__file__).resolve().parent / "artifacts"
CHECKSUMS = ARTIFACTS / "checksums.sha256"
GROUPS = ("kafka", "delta", "registry")
STAMP = "stamp"
DISK_BYTES = 600_000_000
"""Room that resolving takes at its peak: downloads, their copies and the unpacked registry."""
STALL_SECONDS = 180.0
"""A resolution that brings no byte for this long is given up."""


def kafka_jars(settings: Settings) -> list[Path]:
    """Class path of Kafka and ZooKeeper. Resolves the jars first where they are missing.

    Raises DependencyError where that cannot be done; the message says what to do.
    """
    return sorted((ensure(settings) / "kafka").glob("*.jar"))


def delta_jars(settings: Settings) -> list[Path]:
    """The two jars of Delta that Spark needs beside its own. Resolves and raises as `kafka_jars`."""
    return sorted((ensure(settings) / "delta").glob("*.jar"))


def registry_jar(settings: Settings) -> Path:
    """The jar to start the schema registry with (`java -jar`). Resolves and raises as `kafka_jars`."""
    return next((ensure(settings) / "registry").glob("*-runner.jar"))


def jars_folder(settings: Settings) -> Path:
    """`paths.jars`, else `.jars/` beside the code, else (it was installed) in the user's cache folder."""
    given = settings.paths.jars
    return Path(given).expanduser().resolve() if given else kept_folder("jars")


def ensure(settings: Settings, progress: Progress | None = None) -> Path:
    """The folder that holds `kafka/`, `delta/` and `registry/`, resolved and checked where it was not yet.

    Says on stderr what it does; silent, and a matter of microseconds, when there is nothing to do.
    Raises DependencyError where it cannot be done; the message says what to do.
    """
    folder = jars_folder(settings)
    if is_ready(folder):
        return folder
    progress = Progress() if progress is None else progress
    try:
        with exclusively(folder / "lock", progress, "the jars") as held:
            if not is_ready(folder):
                _resolve(settings, folder, progress, held)
    except SetupError as error:
        raise DependencyError(str(error)) from error
    except OSError as error:
        raise DependencyError(
            f"jars: {error}; free or open up {folder}, or set paths.jars to another folder"
        ) from error
    return folder


def is_ready(folder: Path) -> bool:
    """Whether `folder` was completed for the list that is committed now."""
    try:
        return (folder / STAMP).read_text("utf-8") == _list_hash()
    except FileNotFoundError:
        return False


def committed_checksums(path: Path = CHECKSUMS) -> dict[str, str]:
    """`group/file` → SHA-256 in hexadecimal."""
    pairs = (line.split("  ", 1) for line in path.read_text("utf-8").splitlines())
    return {name: checksum for checksum, name in pairs}


def verify(folder: Path, expected: dict[str, str]) -> None:
    """Raises SetupError unless `folder` holds exactly the `expected` files with the expected content."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    missing = sorted(expected.keys() - found.keys())
    if missing:
        raise SetupError(f"jars: {len(missing)} files were not delivered, among them {missing[0]}")
    unknown = sorted(found.keys() - expected.keys())
    if unknown:
        raise SetupError(f"jars: {unknown[0]} is not in the list of {CHECKSUMS.name} and was refused")
    for name, path in found.items():
        with path.open("rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
        if checksum != expected[name]:
            raise SetupError(
                f"jars: {name} is not the file that was pinned (SHA-256 differs) and was refused; "
                "run the same again, and if it persists ask who runs your Maven mirror"
            )


def place(delivered: Path, folder: Path) -> None:
    """Moves the verified groups from `delivered` into `folder` and stamps it."""
    (folder / STAMP).unlink(missing_ok=True)
    for group in GROUPS:
        shutil.rmtree(folder / group, ignore_errors=True)
        (delivered / group).rename(folder / group)
    os.sync()  # a power cut must not leave a stamp beside files that never reached the disk
    temporary = folder / f"{STAMP}.new"
    temporary.write_text(_list_hash(), "utf-8")
    temporary.replace(folder / STAMP)


def _resolve(settings: Settings, folder: Path, progress: Progress, held: IO[str]) -> None:
    free = shutil.disk_usage(folder).free
    if free < DISK_BYTES:
        raise SetupError(
            f"jars: {megabytes(DISK_BYTES)} of disk are needed and {folder} has {megabytes(free)}; "
            "free some, or set paths.jars to another folder"
        )
    started = time.monotonic()
    incoming = folder / "incoming"
    delivered = incoming / "delivered"
    shutil.rmtree(
        delivered, ignore_errors=True
    )  # the cache beside it stays: what is there is not fetched again
    delivered.mkdir(parents=True)
    progress.say(f"jars: resolving Kafka, ZooKeeper, Delta and the schema registry into {folder}")
    _download(settings, incoming, delivered, progress, held)
    downloaded = time.monotonic() - started
    size = sum(path.stat().st_size for path in delivered.rglob("*") if path.is_file())
    expected = committed_checksums()
    try:
        verify(delivered, expected)
    except SetupError:
        shutil.rmtree(incoming, ignore_errors=True)  # also the cache: it holds what was refused
        raise
    _unpack_registry(delivered / "registry")
    place(delivered, folder)
    shutil.rmtree(incoming, ignore_errors=True)
    rest = time.monotonic() - started - downloaded
    progress.say(
        f"jars: {len(expected)} files, {megabytes(size)}, downloaded in {duration(downloaded)}; "
        f"checked and placed in {duration(rest)}"
    )


def _download(settings: Settings, incoming: Path, delivered: Path, progress: Progress, held: IO[str]) -> None:
    log = incoming.parent / "resolve.log"
    log.unlink(missing_ok=True)
    java = [java_executable(settings), *download_options(settings, incoming), "-jar", ivy_jar()]
    pattern = f"{delivered}/[conf]/[artifact]-[revision].[ext]"
    libraries = ["-confs", "kafka", "delta", "-types", "jar", "bundle"]
    registry = ["-settings", ARTIFACTS / "registry-settings.xml", "-confs", "registry", "-types", "tar.gz"]
    watch = _watch(incoming, progress)
    for descriptor, arguments in (("libraries.xml", libraries), ("registry.xml", registry)):
        command = [
            *java,
            *("-ivy", ARTIFACTS / descriptor),
            *("-cache", incoming / f"cache-{Path(descriptor).stem}"),
            *("-retrieve", pattern),
            *arguments,
        ]
        if run_logged(command, log, env=os.environ, holding=held, tick=watch) != 0:
            raise explain("jars", log)


def _watch(incoming: Path, progress: Progress) -> Callable[[], None]:
    """Reports bytes as they come, and gives up when none come."""
    seen, since = 0, time.monotonic()

    def watch() -> None:
        nonlocal seen, since
        size = _size(incoming)
        if size != seen:
            seen, since = size, time.monotonic()
        elif time.monotonic() - since > STALL_SECONDS:
            raise SetupError(
                f"jars: nothing has arrived for {duration(STALL_SECONDS)}; check the network "
                "(HTTPS_PROXY behind a proxy) and run the same again: what is done is kept"
            )
        progress.update(f"jars: {megabytes(size)} so far")

    return watch


def _size(folder: Path) -> int:
    total = 0
    for path in folder.glob("cache-*/**/*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue  # Ivy renames a part to its final name
    return total


def _unpack_registry(folder: Path) -> None:
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as content:
        content.extraction_filter = getattr(tarfile, "data_filter", None)  # from 3.11.4 on
        content.extractall(folder)
    archive.unlink()


def ivy_jar() -> Path:
    """The jar of Apache Ivy, which fetches other jars; pyspark ships it."""
    import pyspark

    (jar,) = (Path(pyspark.__file__).parent / "jars").glob("ivy-*.jar")
    return jar


def _list_hash() -> str:
    return hashlib.sha256(CHECKSUMS.read_bytes()).hexdigest()
