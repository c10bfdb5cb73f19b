"""Jars are trusted only when complete and equal to the committed list."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from pathlib import Path

import pytest

from contracts.errors import DependencyError
from contracts.settings import Paths, Settings
from runtime import jars
from runtime.bootstrap.errors import SetupError
from runtime.bootstrap.progress import Progress

RUNNER = "apicurio-registry-app-3.0.9-runner.jar"


def tarball() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        member = tarfile.TarInfo(RUNNER)
        member.size = 6
        archive.addfile(member, io.BytesIO(b"runner"))
    return content.getvalue()


FILES = {
    "kafka/kafka-1.jar": b"kafka",
    "delta/delta-1.jar": b"delta",
    "registry/app.tar.gz": tarball(),
}


class Repository:
    """Stands in for Ivy: delivers files, all or some of them, as they are or spoilt."""

    def __init__(self) -> None:
        self.files = dict(FILES)
        self.calls = 0
        self.cut_off_after: int | None = None

    def download(
        self, settings: Settings, incoming: Path, delivered: Path, progress: Progress, held: object
    ) -> None:
        self.calls += 1
        for number, (name, content) in enumerate(self.files.items()):
            if number == self.cut_off_after:
                (delivered / name).parent.mkdir(parents=True, exist_ok=True)
                (delivered / name).write_bytes(content[:2])
                raise KeyboardInterrupt
            (delivered / name).parent.mkdir(parents=True, exist_ok=True)
            (delivered / name).write_bytes(content)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    listed = tmp_path / "checksums.sha256"
    lines = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in FILES.items()]
    listed.write_text("".join(lines), "utf-8")
    made = Repository()
    monkeypatch.setattr(jars, "CHECKSUMS", listed)
    monkeypatch.setattr(jars.committed_checksums, "__defaults__", (listed,))
    monkeypatch.setattr(jars, "_download", made.download)
    return made


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(paths=Paths(jars=str(tmp_path / "my jars")))


def test_resolves_once_and_is_silent_afterwards(
    repository: Repository, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [path.name for path in jars.kafka_jars(settings)] == ["kafka-1.jar"]
    assert "3 files" in capsys.readouterr().err
    assert [path.name for path in jars.delta_jars(settings)] == ["delta-1.jar"]
    assert jars.registry_jar(settings).read_bytes() == b"runner"
    assert repository.calls == 1
    captured = capsys.readouterr()
    assert captured.err == captured.out == ""
    folder = jars.jars_folder(settings)
    assert sorted(path.name for path in folder.iterdir()) == ["delta", "kafka", "lock", "registry", "stamp"]


@pytest.mark.parametrize("name", FILES)
def test_spoilt_file_is_refused_and_nothing_stays(
    repository: Repository, settings: Settings, name: str
) -> None:
    repository.files[name] = FILES[name] + b"!"
    with pytest.raises(DependencyError, match=f"{re.escape(name)} is not the file that was pinned"):
        jars.kafka_jars(settings)
    folder = jars.jars_folder(settings)
    assert [path.name for path in folder.iterdir()] == ["lock"]
    repository.files = dict(FILES)
    assert len(jars.kafka_jars(settings)) == 1


def test_missing_and_unknown_files_are_refused(repository: Repository, settings: Settings) -> None:
    del repository.files["kafka/kafka-1.jar"]
    with pytest.raises(DependencyError, match=r"1 files were not delivered, among them kafka/kafka-1\.jar"):
        jars.ensure(settings)
    repository.files = FILES | {"kafka/extra.jar": b"extra"}
    with pytest.raises(DependencyError, match=r"kafka/extra\.jar is not in the list"):
        jars.ensure(settings)
    assert not jars.is_ready(jars.jars_folder(settings))


@pytest.mark.parametrize("after", range(len(FILES)))
def test_cut_off_download_is_done_again(repository: Repository, settings: Settings, after: int) -> None:
    repository.cut_off_after = after
    with pytest.raises(KeyboardInterrupt):
        jars.ensure(settings)
    assert not jars.is_ready(jars.jars_folder(settings))
    repository.cut_off_after = None
    folder = jars.ensure(settings)
    assert (folder / "kafka" / "kafka-1.jar").read_bytes() == b"kafka"
    assert not (folder / "incoming").exists()


def test_cut_off_between_placing_and_stamp_is_done_again(
    repository: Repository, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def power_cut() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("os.sync", power_cut)
        with pytest.raises(KeyboardInterrupt):
            jars.ensure(settings)
    jars.ensure(settings)
    assert repository.calls == 2


def test_changed_list_is_resolved_again(repository: Repository, settings: Settings) -> None:
    jars.ensure(settings)
    new = b"newer kafka"
    repository.files = {"kafka/kafka-2.jar": new, **{k: v for k, v in FILES.items() if "kafka" not in k}}
    lines = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in repository.files.items()]
    jars.CHECKSUMS.write_text("".join(lines), "utf-8")
    assert [path.name for path in jars.kafka_jars(settings)] == ["kafka-2.jar"]


def test_too_small_a_disk_is_told_with_figures(
    repository: Repository, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jars, "DISK_BYTES", 10**15)
    with pytest.raises(DependencyError, match=r"1000000\.0 GB of disk are needed and .* has"):
        jars.ensure(settings)
    assert repository.calls == 0


def test_verify_reads_content_not_names(tmp_path: Path) -> None:
    (tmp_path / "a.jar").write_bytes(b"a")
    jars.verify(tmp_path, {"a.jar": hashlib.sha256(b"a").hexdigest()})
    with pytest.raises(SetupError, match="SHA-256 differs"):
        jars.verify(tmp_path, {"a.jar": hashlib.sha256(b"b").hexdigest()})


def test_committed_list_and_ivy_files_name_no_address() -> None:
    checksums = jars.committed_checksums()
    assert len(checksums) == 61
    assert all(re.fullmatch(r"[0-9a-f]{64}", checksum) for checksum in checksums.values())
    assert {name.partition("/")[0] for name in checksums} == set(jars.GROUPS)
    for file in jars.ARTIFACTS.iterdir():
        text = file.read_text("utf-8").replace("http://ant.apache.org/ivy/maven", "")
        assert "://" not in text, file.name
