"""Archive, destroy, restore: every table as before, row for row and version for version, and it goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from contracts.errors import ConflictError, ContractError, NotFound
from contracts.layout import LAYERS
from contracts.platform import METRICS, PLATFORM_LANDING
from contracts.settings import Archive, Lakehouse, Paths, Settings
from contracts.sources import APP_EVENTS, Source
from lakehouse.archive import copying, store
from lakehouse.archive.checking import verify
from lakehouse.archive.copying import Copied, make
from lakehouse.archive.manifest import PIN, Manifest
from lakehouse.archive.restoring import restore_elsewhere, restore_in_place
from lakehouse.datasets import DATASETS, dataset
from lakehouse.driver.operations import OptimizeRequest, VacuumRequest, perform
from lakehouse.embedded import EmbeddedEngine
from lakehouse.medallion import platform_landing
from lakehouse.medallion.rounds import Rounds
from lakehouse.storage import commits, tables
from lakehouse.storage.delta_log import latest_version
from lakehouse.storage.lock import lakehouse_lock
from lakehouse.storage.versions import oldest_version
from tests.lakehouse import simulated

pytestmark = pytest.mark.heavy

Files = list[tuple[Source, int, list[dict[str, Any]]]]
ROUNDS = 4


def settings_of(root: Path) -> Settings:
    return Settings(
        paths=Paths(data=str(root / "data"), archive=str(root / "archive")),
        lakehouse=Lakehouse(engine="embedded", gold_seconds=1),
        archive=Archive(keep=2),
    )


def land(settings: Settings, landing: Any, files: Files) -> None:
    for source, partition, rows in files:
        landing.add(source, rows, partition=partition)
    sample = {"sampled_at": simulated.START, "component": "ingestion", "metric": "lag", "value": 1.0}
    rows = pa.Table.from_pylist([sample], PLATFORM_LANDING[METRICS.name])
    platform_landing.append(settings, METRICS.name, rows)


def go_on(settings: Settings, engine: EmbeddedEngine) -> None:
    engine._handles.clear()  # as a driver that is started anew: the tables may be others
    with closing(Rounds(settings, engine)) as rounds:
        for gold in rounds.gold_tables:
            gold._every = 0
        rounds.bronze(), rounds.silver(), rounds.gold()
        assert rounds.status.failures == dict.fromkeys(rounds.status.failures, 0), rounds.status.errors


@pytest.fixture(scope="module")
def built(
    tmp_path_factory: pytest.TempPathFactory, make_landing: Callable[[Settings], Any], engine: EmbeddedEngine
) -> tuple[Path, list[Files], Any]:
    """A lakehouse after all rounds but the last, whose files have not landed; with compactions and a
    checkpoint in between."""
    root = tmp_path_factory.mktemp("built")
    settings = settings_of(root)
    landing = make_landing(settings)
    batches = list(simulated.batches(3, ROUNDS, 8))
    for number, files in enumerate(batches[:-1]):
        land(settings, landing, files)
        go_on(settings, engine)
        if number == 1:
            with closing(Rounds(settings, engine)) as rounds:
                list(perform(rounds, OptimizeRequest()))
            DeltaTable(str(path_of(settings, "app_events_silver"))).create_checkpoint()
    return root, batches, landing._ends


@pytest.fixture
def copy(built: tuple[Path, list[Files], Any], tmp_path: Path) -> Settings:
    shutil.copytree(built[0], tmp_path, dirs_exist_ok=True)
    return settings_of(tmp_path)


@pytest.fixture
def landed(
    built: tuple[Path, list[Files], Any], copy: Settings, make_landing: Callable[[Settings], Any]
) -> Any:
    """Landing that goes on where the built one ended."""
    landing = make_landing(copy)
    root, data = built[0] / "data", copy.data_root
    landing._ends = {data / folder.relative_to(root): end for folder, end in built[2].items()}
    return landing


def path_of(settings: Settings, name: str) -> Path:
    return tables.path_of(settings, dataset(name))


def archived(settings: Settings, *names: str, at: datetime | None = None) -> tuple[Manifest, list[Copied]]:
    steps = list(make(settings, names, at))
    manifest = steps.pop()
    assert isinstance(manifest, Manifest)
    return manifest, [step for step in steps if isinstance(step, Copied)]


def picture(root: Path) -> dict[str, list[tuple[int, list[str]]]]:
    """Every version that each log holds, its rows as polars reads them."""
    found = {}
    for declared in DATASETS.values():
        path = root / declared.layer / declared.name
        newest = latest_version(path)
        if newest < 0:
            continue
        oldest = oldest_version(path) or 0
        found[declared.name] = [
            (version, sorted(map(repr, pl.read_delta(str(path), version=version).rows())))
            for version in range(oldest, newest + 1)
        ]
    return found


def destroy(settings: Settings, *folders: str) -> None:
    for folder in folders:
        shutil.rmtree(settings.data_root / folder)


def test_archive_destroy_restore_and_on(
    copy: Settings, built: tuple[Path, list[Files], Any], landed: Any, engine: EmbeddedEngine
) -> None:
    before = picture(copy.data_root)
    assert len(before) > 10 and sum(map(len, before.values())) > 40
    manifest, steps = archived(copy)
    assert {step.table for step in steps} == set(before)
    assert len(list(verify(copy, manifest))) == len(before)
    destroy(copy, *(layer for layer in LAYERS if (copy.data_root / layer).exists()))
    assert len(list(restore_in_place(copy, manifest, ()))) == len(before)
    assert picture(copy.data_root) == before
    # The driver goes on, and ends where it would have ended without all of it.
    land(copy, landed, built[1][-1])
    go_on(copy, engine)
    for name, versions in before.items():
        assert latest_version(path_of(copy, name)) >= versions[-1][0]
    bronze = pl.read_delta(str(path_of(copy, "app_events_bronze")))
    landed_rows = sum(len(rows) for files in built[1] for source, _, rows in files if source is APP_EVENTS)
    assert bronze.height == landed_rows


@pytest.mark.long
def test_a_second_archive_shares_what_has_not_changed_and_old_ones_go(
    copy: Settings, built: tuple[Path, list[Files], Any], landed: Any, engine: EmbeddedEngine
) -> None:
    at = datetime(2026, 3, 9, tzinfo=UTC)
    first, _ = archived(copy, at=at)
    land(copy, landed, built[1][-1])
    go_on(copy, engine)
    second, steps = archived(copy, at=at + timedelta(days=1))
    assert sum(step.linked for step in steps) > 0.7 * sum(len(table.files) for table in first.tables)
    one, _ = archived(copy, "users_silver", at=at)
    assert (one.name, one.whole) == (f"{first.name}-02", False)
    assert [m.name for m in store.archives(copy)] == [first.name, one.name, second.name]
    (store.folder_of(copy, first.name) / PIN).touch()
    third, _ = archived(copy, at=at + timedelta(days=2))
    assert [m.name for m in store.archives(copy)] == [first.name, second.name, third.name]
    (store.folder_of(copy, first.name) / PIN).unlink()
    fourth, _ = archived(copy, at=at + timedelta(days=3))
    assert [m.name for m in store.archives(copy)] == [third.name, fourth.name]
    # What is shared outlives the archive that it was copied for.
    assert len(list(verify(copy, fourth))) == len(fourth.tables)


@pytest.mark.parametrize("fault", ["flipped", "missing", "extra", "manifest"])
def test_verify_names_the_first_bad_file(copy: Settings, fault: str, tmp_path: Path) -> None:
    manifest, _ = archived(copy, "users_silver")
    folder = store.folder_of(copy, manifest.name)
    victim = next(folder.rglob("part-*.parquet"))
    match fault:
        case "flipped":
            content = bytearray(victim.read_bytes())
            content[len(content) // 2] ^= 1
            victim.write_bytes(content)
        case "missing":
            victim.unlink()
        case "extra":
            victim = victim.with_name("part-of-somebody-else.parquet")
            victim.touch()
        case "manifest":
            victim = folder / "manifest.json"
            victim.write_bytes(victim.read_bytes().replace(b'"version"', b'"Version"'))
    with pytest.raises(ContractError, match=victim.name):
        list(verify(copy, store.archive_named(copy, manifest.name)))
    if fault in ("flipped", "missing"):
        before = picture(copy.data_root)
        with pytest.raises(ContractError, match="nothing was changed"):
            list(restore_in_place(copy, manifest, ()))
        assert picture(copy.data_root) == before


def test_an_interrupted_archive_is_none_and_its_space_is_freed(
    copy: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = make(copy)
    next(steps), next(steps)
    with pytest.raises(ConflictError, match="at work on the archives"):
        list(make(copy))
    steps.close()
    assert store.archives(copy) == [] and list(copy.archive_root.iterdir()) != []
    manifest, _ = archived(copy)
    assert [folder.name for folder in copy.archive_root.iterdir()] == [manifest.name]


@pytest.mark.long
def test_versions_are_those_that_followers_have_seen_while_the_driver_goes_on(
    copy: Settings,
    built: tuple[Path, list[Files], Any],
    landed: Any,
    engine: EmbeddedEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rounds and a vacuum come between the versions and the copies, and whole rounds between two versions."""
    land(copy, landed, built[1][-1])
    look, seen = copying.last_checkpoint, [0]

    def and_on(path: Path) -> bytes | None:
        seen[0] += 1
        if seen[0] in (2, 8):
            go_on(copy, engine)
        return look(path)

    monkeypatch.setattr(copying, "last_checkpoint", and_on)
    steps = make(copy)
    first = next(steps)
    assert isinstance(first, Copied)
    with closing(Rounds(copy, engine)) as rounds:
        list(perform(rounds, OptimizeRequest())), list(perform(rounds, VacuumRequest()))
    *_, manifest = steps
    assert isinstance(manifest, Manifest)
    now = picture(copy.data_root)
    destroy(copy, *(layer for layer in LAYERS if (copy.data_root / layer).exists()))
    list(restore_in_place(copy, manifest, ()))
    go_on(copy, engine)
    for name, versions in now.items():
        if name not in ("user_segments_gold", "daily_summary_gold"):
            timeless = pl.read_delta(str(path_of(copy, name))).drop(
                "load_timestamp", "quarantined_at", strict=False
            )
            assert timeless.height == len(versions[-1][1]), name


def test_restores_that_would_lose_rows_are_refused(
    copy: Settings, built: tuple[Path, list[Files], Any], landed: Any, engine: EmbeddedEngine, tmp_path: Path
) -> None:
    manifest, _ = archived(copy)
    land(copy, landed, built[1][-1])
    go_on(copy, engine)
    with pytest.raises(ConflictError, match="restore app_events_silver as well"):
        list(restore_in_place(copy, manifest, ["app_events_bronze"]))
    list(restore_in_place(copy, manifest, ["daily_summary_gold"]))
    with lakehouse_lock(copy), pytest.raises(ConflictError, match="stop it first"):
        list(restore_in_place(copy, manifest, ()))
    with pytest.raises(NotFound, match="no table nix"):
        list(restore_in_place(copy, manifest, ["nix"]))
    with pytest.raises(NotFound, match=manifest.name):
        store.archive_named(copy, "nix")
    elsewhere = tmp_path / "elsewhere"
    list(restore_elsewhere(copy, manifest, ["users_silver"], elsewhere))
    assert list(picture(elsewhere)) == ["users_silver"]
    with pytest.raises(ConflictError, match="name another folder"):
        list(restore_elsewhere(copy, manifest, (), elsewhere))
    # A lakehouse begun anew under the same names is another, whatever its versions' numbers are.
    destroy(copy, "silver", "gold", "bronze")
    go_on(copy, engine)
    with pytest.raises(ConflictError, match="restore app_events_bronze as well"):
        list(restore_in_place(copy, manifest, ["app_events_silver"]))


def test_chains_go_on_where_landing_has_lost_files_or_is_gone(
    copy: Settings, built: tuple[Path, list[Files], Any], landed: Any, engine: EmbeddedEngine
) -> None:
    manifest, _ = archived(copy)
    rows = pl.read_delta(str(path_of(copy, "app_events_bronze"))).height
    lost = landed.add(APP_EVENTS, [{"event_id": "lost"}], partition=0)
    landed.add(APP_EVENTS, [{"event_id": "after"}], partition=0)
    lost.unlink()
    list(restore_in_place(copy, manifest, ()))
    with closing(Rounds(copy, engine)) as rounds:
        rounds.bronze()
        assert any("passed over" in text for text in rounds.status.complaints())
    assert pl.read_delta(str(path_of(copy, "app_events_bronze"))).height == rows + 1
    destroy(copy, "landing")
    list(restore_in_place(copy, manifest, ()))
    for partition in (0, 1):
        metadata = commits.last_metadata(path_of(copy, "app_events_bronze"))
        assert metadata is not None
        position = next(at for chain, at in metadata["chains"].items() if chain.endswith(f"/{partition}"))
        landed.add(APP_EVENTS, [{"event_id": f"on {partition}"}], partition=partition, first=position + 1)
    land(copy, landed, [])
    samples = pl.read_delta(str(path_of(copy, "platform_metrics_silver"))).height
    go_on(copy, engine)
    assert pl.read_delta(str(path_of(copy, "app_events_bronze"))).height == rows + 2
    assert pl.read_delta(str(path_of(copy, "platform_metrics_silver"))).height == samples + 1


def test_a_log_that_was_cleaned_up_and_files_that_a_vacuum_took(copy: Settings) -> None:
    path = path_of(copy, "app_events_silver")
    DeltaTable(str(path)).create_checkpoint()
    (oldest, *_) = sorted((path / "_delta_log").glob("*.checkpoint.parquet"))
    for file in (path / "_delta_log").glob("*.json"):
        if int(file.name[:20]) < int(oldest.name[:20]):
            file.unlink()
    DeltaTable(str(path)).vacuum(0, dry_run=False, enforce_retention_duration=False)
    manifest, _ = archived(copy, "app_events_silver")
    rows = sorted(map(repr, pl.read_delta(str(path)).rows()))
    shutil.rmtree(path)
    list(restore_in_place(copy, manifest, ()))
    assert sorted(map(repr, pl.read_delta(str(path)).rows())) == rows
    assert latest_version(path) == manifest.tables[0].version
    for file in path.glob("event_date=*/*.parquet"):
        file.unlink()
    with pytest.raises(ContractError, match="is missing"):
        archived(copy, "app_events_silver")
