"""Which Java runs what, and what it is told for downloads."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest

from contracts.errors import SettingsError
from contracts.settings import Java, Paths, Settings
from runtime import java
from runtime.java_downloads import download_options, proxy_options, write_trust_store


def jdk(folder: Path, version: str, modules: str = "java.base") -> Path:
    """A folder that looks like a Java; its `java` prints its arguments, one a line."""
    (folder / "bin").mkdir(parents=True)
    (folder / "release").write_text(f'JAVA_VERSION="{version}"\nMODULES="{modules}"\n', "utf-8")
    program = folder / "bin" / "java"
    program.write_text('#!/bin/sh\nfor a do printf "%s\\n" "$a"; done\n', "utf-8")
    program.chmod(0o755)
    return folder


@pytest.fixture
def beside_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "code" / ".java"
    folder.mkdir(parents=True)
    monkeypatch.setattr(java, "SHIMS", folder)
    return folder


def test_default_is_the_wheel() -> None:
    answer = subprocess.run(
        [java.java_executable(Settings()), "-version"], capture_output=True, text=True, check=True
    )
    assert 'version "21.' in answer.stderr


@pytest.mark.parametrize("version", ["17.0.15", "21"])
def test_own_java_is_taken(tmp_path: Path, version: str) -> None:
    home = jdk(tmp_path / "my jdk", version)
    assert java.java_home(Settings(java=Java(home=str(home)))) == home


@pytest.mark.parametrize("version", ["11.0.2", "1.8.0_392", "25", ""])
def test_other_versions_are_refused_by_name(tmp_path: Path, version: str) -> None:
    home = jdk(tmp_path / "jdk", version)
    with pytest.raises(SettingsError, match=r"java\.home: .*17 or 21 is needed") as refused:
        java.java_home(Settings(java=Java(home=str(home))))
    assert refused.value.key == "java.home"


def test_folder_without_java_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="holds no executable bin/java"):
        java.spark_java_home(Settings(java=Java(home=str(tmp_path))))


def test_spark_takes_a_full_jdk_as_it_is(tmp_path: Path, beside_code: Path) -> None:
    home = jdk(tmp_path / "jdk", "17.0.1", "java.base jdk.incubator.vector jdk.jfr")
    assert java.spark_java_home(Settings(java=Java(home=str(home)))) == home
    assert list(beside_code.iterdir()) == []


def test_spark_gets_a_java_that_drops_one_argument_and_nothing_else(
    tmp_path: Path, beside_code: Path
) -> None:
    home = jdk(tmp_path / "it's a jre", "21.0.8")
    shim = java.spark_java_home(Settings(java=Java(home=str(home))))
    assert shim.parent == beside_code
    arguments = [
        "-Xmx1g",
        "--add-modules=jdk.incubator.vector",
        "",
        "two words",
        "$HOME",
        "--add-modules=other",
    ]
    answer = subprocess.run([shim / "bin" / "java", *arguments], capture_output=True, text=True, check=True)
    expected = [argument for argument in arguments if argument != "--add-modules=jdk.incubator.vector"]
    assert answer.stdout.split("\n")[:-1] == expected


def test_programs_that_hadoop_calls_are_found_behind_a_bare_path(tmp_path: Path, beside_code: Path) -> None:
    home = jdk(tmp_path / "jre", "21.0.8")
    (home / "bin" / "java").write_text("#!/bin/sh\ncommand -v chmod && echo $PATH\n", "utf-8")
    shim = java.spark_java_home(Settings(java=Java(home=str(home))))
    answer = subprocess.run(
        [shim / "bin" / "java"], capture_output=True, text=True, check=True, env={"PATH": "/nowhere"}
    )
    found, path = answer.stdout.splitlines()
    assert Path(found).name == "chmod"
    assert path.startswith("/nowhere:")


def test_shim_is_written_once(tmp_path: Path, beside_code: Path) -> None:
    settings = Settings(java=Java(home=str(jdk(tmp_path / "jre", "21"))))
    program = java.spark_java_home(settings) / "bin" / "java"
    inode = program.stat().st_ino
    assert java.spark_java_home(settings) / "bin" / "java" == program
    assert program.stat().st_ino == inode
    assert [path.name for path in program.parent.iterdir()] == ["java"]


def test_shim_goes_to_the_data_root_where_code_is_read_only(
    tmp_path: Path, beside_code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != beside_code)
    settings = Settings(
        java=Java(home=str(jdk(tmp_path / "jre", "21"))), paths=Paths(data=str(tmp_path / "data"))
    )
    assert java.spark_java_home(settings).is_relative_to(tmp_path / "data" / "run")


def test_java_reads_the_trust_store_that_is_written(tmp_path: Path) -> None:
    certificates = ssl.create_default_context().get_ca_certs(binary_form=True)[:3]
    if not certificates:
        pytest.skip("this machine has no certificate authorities")
    store = tmp_path / "authorities.jks"
    write_trust_store(certificates, store)
    keytool = java.java_home(Settings()) / "bin" / "keytool"
    answer = subprocess.run(
        [keytool, "-list", "-keystore", store, "-storepass", "changeit"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"contains {len(certificates)} entr" in answer.stdout


def test_trust_store_of_ones_own_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"java\.trust_store: .* does not exist"):
        download_options(Settings(java=Java(trust_store=str(tmp_path / "none"))), tmp_path, {})
    own = tmp_path / "own.jks"
    own.touch()
    options = download_options(Settings(java=Java(trust_store=str(own))), tmp_path, {})
    assert options == [f"-Djavax.net.ssl.trustStore={own}"]


def test_proxy_variables_reach_java() -> None:
    environ = {"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "localhost,.company.example"}
    assert proxy_options(environ) == [
        "-Dhttps.proxyHost=proxy.example",
        "-Dhttps.proxyPort=3128",
        "-Dhttp.nonProxyHosts=localhost|*.company.example",
    ]
    assert proxy_options({"NO_PROXY": "localhost"}) == []
