"""Ways to break a platform that runs, each undone at the end of its block."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, write_deltalake

from contracts.layout import logs_folder, table_path
from contracts.platform import PLATFORM_LANDING, RUNS
from lakehouse.archive.store import archives, folder_of
from lakehouse.datasets import dataset
from lakehouse.medallion import platform_landing
from runtime.topology import leftovers
from tests.system.platform_copy import PlatformCopy

Break = Callable[[PlatformCopy], AbstractContextManager[object]]
LISTENER = """
import socket, sys
with socket.create_server(("127.0.0.2", 0)):
    print("listens", flush=True)
    sys.stdin.read()
"""
"""A program that listens on another address of loopback until its input ends."""


def halted(service: str) -> Break:
    """A service that is there, takes connections, and never answers."""

    @contextmanager
    def broken(copy: PlatformCopy) -> Iterator[None]:
        pids = copy.processes(service)
        assert pids
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    return broken


@contextmanager
def another_address(copy: PlatformCopy) -> Iterator[None]:
    marks = {leftovers.INSTANCE: copy.instance, leftovers.SERVICE: "stranger"}
    with subprocess.Popen(
        [sys.executable, "-c", LISTENER],
        env=os.environ | marks,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None and child.stdout.readline() == b"listens\n"
        try:
            yield
        finally:
            child.communicate()


@contextmanager
def file_in_place_of_a_folder(copy: PlatformCopy) -> Iterator[None]:
    """As when somebody else's folder cannot be written; that alone does not stop root."""
    with moved_away(copy.settings.data_root / "checkpoints") as folder:
        folder.write_text("no folder")
        yield


@contextmanager
def open_secrets(copy: PlatformCopy) -> Iterator[None]:
    folder = copy.settings.data_root / "secrets"
    folder.chmod(0o755)
    yield
    folder.chmod(0o700)


@contextmanager
def line_of_another_form(copy: PlatformCopy) -> Iterator[None]:
    log = logs_folder(copy.settings) / "stranger.log"
    log.write_text('{"ts":"2026-11-25T10:00:00.000Z","level":"info","message":"of no service"}\n')
    yield
    log.unlink()


@contextmanager
def no_file_for_notices(copy: PlatformCopy) -> Iterator[None]:
    with moved_away(copy.settings.data_root / "alerts" / "notices.jsonl") as place:
        place.mkdir()
        yield


@contextmanager
def damaged_archive(copy: PlatformCopy) -> Iterator[None]:
    newest = archives(copy.settings)[-1]
    table = newest.tables[0]
    path = folder_of(copy.settings, newest.name) / table.folder / table.files[0].path
    content = path.read_bytes()
    path.unlink()  # another file, not the one that may be shared
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    yield
    path.write_bytes(content)


@contextmanager
def damaged_manifest(copy: PlatformCopy) -> Iterator[None]:
    path = folder_of(copy.settings, archives(copy.settings)[-1].name) / "manifest.json"
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"whole": true', b'"whole": false'))
    assert path.read_bytes() != content
    yield
    path.write_bytes(content)


@contextmanager
def failed_job(copy: PlatformCopy) -> Iterator[None]:
    now = datetime.now(UTC)
    row = {
        "run_id": "broken",
        "job": "hourly_aggregates",
        "run_date": now.date(),
        "trigger": "schedule",
        "attempt": 1,
        "status": "failed",
        "engine": "embedded",
        "started_at": now,
        "ended_at": now,
        "versions": "{}",
        "error": "the disk is full",
    }
    place = copy.settings.data_root / RUNS.chain_folder
    with put_back(place):
        platform_landing.append(
            copy.settings, RUNS.name, pa.Table.from_pylist([row], PLATFORM_LANDING[RUNS.name])
        )
        yield


def table_gone(layer: str, name: str) -> Break:
    @contextmanager
    def broken(copy: PlatformCopy) -> Iterator[None]:
        with moved_away(table_path(copy.settings, layer, name)):
            yield

    return broken


def newest_file_gone(layer: str, name: str) -> Break:
    @contextmanager
    def broken(copy: PlatformCopy) -> Iterator[None]:
        path = table_path(copy.settings, layer, name)
        files = [Path(uri.removeprefix("file://")) for uri in DeltaTable(str(path)).file_uris()]
        with moved_away(max(files, key=lambda file: file.stat().st_mtime)):
            yield

    return broken


@contextmanager
def silver_without_rows(copy: PlatformCopy) -> Iterator[None]:
    with written(copy, "app_events_silver") as path:
        DeltaTable(str(path)).delete()
        yield


@contextmanager
def rows_twice(copy: PlatformCopy) -> Iterator[None]:
    """As a writer does that does not know what is there."""
    with written(copy, "app_events_silver") as path:
        append(path, rows(path).slice(0, 5))
        yield


@contextmanager
def rows_that_break_a_rule(copy: PlatformCopy) -> Iterator[None]:
    with written(copy, "app_events_silver") as path:
        sold = {"event_id": "another", "event_type": "purchase", "event_value": -1.0}
        append(path, changed(rows(path).slice(0, 1), **sold))
        yield


@contextmanager
def rows_without_a_user(copy: PlatformCopy) -> Iterator[None]:
    """The table replaced by one that may lack them."""
    with written(copy, "app_events_silver") as path:
        found = rows(path).to_pylist()
        found[0]["user_id"] = None
        replace(
            path, pa.Table.from_pylist(found, pa.schema([f.with_nullable(True) for f in rows(path).schema]))
        )
        yield


@contextmanager
def column_of_another_type(copy: PlatformCopy) -> Iterator[None]:
    """The table replaced by one whose values are texts."""
    with written(copy, "app_events_silver") as path:
        found = rows(path)
        index = found.schema.get_field_index("event_value")
        texts = found.set_column(index, "event_value", pc.cast(found["event_value"], pa.string()))
        replace(path, texts)
        yield


@contextmanager
def column_too_many(copy: PlatformCopy) -> Iterator[None]:
    with written(copy, "app_events_silver") as path:
        found = rows(path).slice(0, 1)
        write_deltalake(
            str(path), found.append_column("surprise", pa.array(["x"])), mode="append", schema_mode="merge"
        )
        yield


@contextmanager
def written(copy: PlatformCopy, name: str) -> Iterator[Path]:
    path = table_path(copy.settings, dataset(name).layer, name)
    with put_back(path):
        yield path


def rows(path: Path) -> pa.Table:
    return DeltaTable(str(path)).to_pyarrow_table()


def append(path: Path, found: pa.Table) -> None:
    write_deltalake(str(path), found, mode="append")


def replace(path: Path, found: pa.Table) -> None:
    write_deltalake(
        str(path),
        found,
        mode="overwrite",
        schema_mode="overwrite",
        partition_by=[dataset(path.name).partition],
    )


def changed(found: pa.Table, **values: object) -> pa.Table:
    told = [{**row, **values} for row in found.to_pylist()]
    return pa.Table.from_pylist(told, schema=found.schema)


@contextmanager
def put_back(folder: Path) -> Iterator[None]:
    """The folder as it was, at the end."""
    kept = folder.with_name(f".kept-{folder.name}")
    if folder.exists():
        shutil.copytree(folder, kept)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if kept.exists():
            kept.rename(folder)


@contextmanager
def moved_away(path: Path) -> Iterator[Path]:
    """The place where it was."""
    kept = path.with_name(f".moved-{path.name}")
    existed = path.exists()
    if existed:
        path.rename(kept)
    try:
        yield path
    finally:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        if existed:
            kept.rename(path)
