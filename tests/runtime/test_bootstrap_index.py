"""uv downloads from where pip is configured to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runtime.bootstrap.certificates import authority_bundle
from runtime.bootstrap.index import cache_folder, pip_environment, pip_options, uv_environment

LISTING = """\
:env:.index-url='https://mirror.example/env'
global.cert='/etc/company.pem'
global.extra-index-url='\\nhttps://one.example/simple\\nhttps://two.example/simple'
global.index-url='https://mirror.example/global'
install.trusted-host='mirror.example'
search.index='https://elsewhere.example'
"""


def test_environment_beats_files_and_sections_of_other_commands_do_not_count() -> None:
    options = pip_options(LISTING)
    assert options["index-url"] == "https://mirror.example/env"
    assert "index" not in options


def test_options_become_variables_of_uv() -> None:
    env = uv_environment({"PATH": "/bin"}, pip_options(LISTING))
    assert env["UV_DEFAULT_INDEX"] == "https://mirror.example/env"
    assert env["UV_INDEX"] == "https://one.example/simple https://two.example/simple"
    assert env["UV_INSECURE_HOST"] == "mirror.example"
    assert env["SSL_CERT_FILE"] == "/etc/company.pem"
    assert env["PATH"] == "/bin"


def test_what_the_user_set_for_uv_wins() -> None:
    environ = {"UV_DEFAULT_INDEX": "https://own.example", "VIRTUAL_ENV": "/x", "PYTHONPATH": "/y"}
    env = uv_environment(environ, pip_options(LISTING))
    assert env["UV_DEFAULT_INDEX"] == "https://own.example"
    assert "VIRTUAL_ENV" not in env and "PYTHONPATH" not in env


def test_folders_of_links_that_are_not_there_are_left_out(tmp_path: Path) -> None:
    options = {"find-links": f"{tmp_path} /nowhere/wheels https://links.example/"}
    assert uv_environment({}, options)["UV_FIND_LINKS"] == f"{tmp_path},https://links.example/"


def test_without_configuration_no_index_is_named() -> None:
    assert not [name for name in uv_environment({}, {}) if "INDEX" in name]


def test_authorities_that_the_environment_names_come_first(tmp_path: Path) -> None:
    bundle = tmp_path / "company.pem"
    bundle.touch()
    assert authority_bundle({"SSL_CERT_FILE": "/nowhere", "PIP_CERT": str(bundle)}) == bundle
    assert pip_environment({"PIP_CERT": str(bundle)}, {"cert": str(bundle)})["PIP_CERT"] == str(bundle)


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"UV_CACHE_DIR": "/a", "HOME": "/h"}, "/a"),
        ({"XDG_CACHE_HOME": "/c", "HOME": "/h"}, "/c/uv"),
        ({"HOME": "/h"}, "/h/.cache/uv"),
    ],
)
def test_place_of_the_cache(environ: dict[str, str], folder: str) -> None:
    assert os.fspath(cache_folder(environ)) == folder
