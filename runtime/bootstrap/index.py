"""Lets uv download from where pip does: translates pip's configuration, and records none of it."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

from runtime.bootstrap.certificates import authority_bundle

SECTIONS = ("global", "install", ":env:")
"""Of `pip config list`, weakest first."""
TRANSLATED = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
}


def pip_options(listing: str) -> dict[str, str]:
    """The options that `pip config list` printed, as `pip install` would see them."""
    found: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for line in listing.splitlines():
        name, equals, text = line.partition("=")
        section, _, option = name.rpartition(".")
        if not equals or section not in found:
            continue
        try:
            value = str(ast.literal_eval(text))
        except (SyntaxError, ValueError):
            value = text
        found[section][option] = value
    merged: dict[str, str] = {}
    for section in SECTIONS:
        merged |= found[section]
    return merged


def pip_environment(environ: Mapping[str, str], options: Mapping[str, str]) -> dict[str, str]:
    """The environment to run pip in: the user's, with the machine's authorities where none are named."""
    env = {key: value for key, value in environ.items() if not key.startswith("PYTHON")}
    bundle = authority_bundle(environ)
    if bundle is not None and "cert" not in options:
        env["PIP_CERT"] = str(bundle)
    env |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_USER": "0"}
    return env


def uv_environment(environ: Mapping[str, str], options: Mapping[str, str]) -> dict[str, str]:
    """The environment to run uv in. What the user set for uv itself wins."""
    translated = {
        variable: " ".join(options[option].split())
        for option, variable in TRANSLATED.items()
        if options.get(option)
    }
    links = [link for link in options.get("find-links", "").split() if "://" in link or Path(link).exists()]
    if links:
        translated["UV_FIND_LINKS"] = ",".join(links)
    if options.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        translated["UV_NO_INDEX"] = "1"
    bundle = options.get("cert") or authority_bundle(environ)
    if bundle:
        translated["SSL_CERT_FILE"] = str(bundle)
    if "UV_INDEX" in translated:
        # pip takes a version from whichever index has it; hashes decide whether it is the right file.
        translated["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    own = {
        "UV_HTTP_TIMEOUT": "60",
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON_DOWNLOADS": "never",
    }
    inherited = {
        key: value
        for key, value in environ.items()
        if not key.startswith("PYTHON") and key not in ("VIRTUAL_ENV", "CONDA_PREFIX")
    }
    return own | translated | inherited


def no_index_argument(env: Mapping[str, str]) -> list[str]:
    """uv takes this one as an argument only."""
    return ["--no-index"] if env.get("UV_NO_INDEX") else []


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where uv keeps its downloads."""
    if environ.get("UV_CACHE_DIR"):
        return Path(environ["UV_CACHE_DIR"]).expanduser()
    base = environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path(environ.get("HOME") or "/") / ".cache") / "uv"
