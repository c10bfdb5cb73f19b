"""What an installed platform consists of: Python packages, jars, and what the pages are built from."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from contracts.settings import Settings
from runtime.release.tools import RUN_LOCK


class Part(Struct, frozen=True, kw_only=True):
    """One component."""

    name: str
    version: str
    purl: str
    """Package URL, without which nobody finds what is known of it."""
    sha256: tuple[str, ...] = ()
    """Of the files that it may come as; hexadecimal."""
    sha512: tuple[str, ...] = ()
    license: str = ""
    """SPDX expression, or its own words."""
    within: str = ""
    """The component that brings it."""


def components(root: Path, settings: Settings) -> list[Part]:
    """All of them, by purl. The jars must be there: those of an archive are listed by what is in it."""
    from runtime.jars import ensure

    found = [*python_packages(root / RUN_LOCK), *jars(ensure(settings)), *npm_packages(root)]
    return sorted({part.purl: part for part in found}.values(), key=lambda part: part.purl)


def python_packages(lock: Path) -> Iterator[Part]:
    """What the lock lists, with the licence that the package here says it has."""
    for entry in re.split(r"\n(?=\S)", lock.read_text("utf-8")):
        match = re.match(r"([a-z0-9][a-z0-9._-]*)==(\S+)", entry)
        if match:
            name, version = match[1], match[2]
            yield Part(
                name=name,
                version=version,
                purl=f"pkg:pypi/{name}@{version}",
                sha256=tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", entry)),
                license=_license(name),
            )


def jars(folder: Path) -> Iterator[Part]:
    """Those that are downloaded, and those that pyspark brings."""
    import pyspark

    for path in sorted(folder.glob("*/**/*.jar")):
        yield _jar(path, within="")
    for path in sorted((Path(pyspark.__file__).parent / "jars").glob("*.jar")):
        yield _jar(path, within=f"pkg:pypi/pyspark@{pyspark.__version__}")


def npm_packages(root: Path) -> Iterator[Part]:
    """What the locks of pages list, but for what only builds them."""
    for lock in sorted(root.glob("web/**/package-lock.json")):
        if "node_modules" in lock.parts:
            continue
        for place, package in json.loads(lock.read_text("utf-8")).get("packages", {}).items():
            name = place.rpartition("node_modules/")[2]
            if not name or package.get("dev") or package.get("link"):
                continue
            algorithm, _, encoded = package.get("integrity", "").partition("-")
            digest = (base64.b64decode(encoded).hex(),) if algorithm == "sha512" else ()
            yield Part(
                name=name,
                version=package["version"],
                purl=f"pkg:npm/{name.replace('@', '%40')}@{package['version']}",
                sha512=digest,
                license=str(package.get("license", "")),
            )


def _license(name: str) -> str:
    try:
        metadata = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return ""  # locked for another platform or Python
    told = next((metadata[key] for key in ("License-Expression", "License") if key in metadata), "")
    first = told.strip().splitlines()
    return first[0][:100] if first else ""


def _jar(path: Path, within: str) -> Part:
    """By what Maven has put into it, else by its name."""
    match = re.fullmatch(r"(.+?)-(\d.*)", path.stem)
    name, version = (match[1], match[2]) if match else (path.stem, "")
    group = ""
    with zipfile.ZipFile(path) as content:
        for entry in content.namelist():
            told = re.fullmatch(r"META-INF/maven/([^/]+)/([^/]+)/pom\.properties", entry)
            if told and (told[2] == name or name.endswith(f".{told[2]}")):
                group, name = told[1], told[2]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    purl = f"pkg:maven/{group}/{name}@{version}" if group else f"pkg:generic/{name}@{version}"
    return Part(
        name=f"{group}:{name}" if group else name, version=version, purl=purl, sha256=(digest,), within=within
    )
