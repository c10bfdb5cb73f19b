"""Finds settings and says where each came from: defaults < `dataplatform.toml` < environment < flags.

The environment is read here and nowhere else.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
from msgspec import Struct

from contracts.errors import SettingsError
from contracts.section import MASK
from contracts.settings import Settings

FILE_NAME = "dataplatform.toml"
PREFIX = "DP_"
RESERVED = frozenset(
    {"DP_SETTINGS", "DP_INSTANCE", "DP_SERVICE", "DP_PYTHON", "DP_HOME", "DP_API_URL", "DP_API_KEY"}
)
"""Variables of ours that are not settings: the settings file, the marks of a running copy, the interpreter,
the folder of the code, and what the client of the API reads."""


class Resolved(Struct, frozen=True):
    """Settings together with the origin of each value (`default`, a file's path, a variable, `flag`)."""

    settings: Settings
    origins: dict[str, str]
    """Dotted key → origin, for keys that are not at their default."""
    file: Path | None

    def rows(self, *, secrets: bool = False) -> Iterator[tuple[str, Any, str]]:
        """Every setting as (dotted key, value, origin), in declaration order; without ``secrets`` those
        are masked."""
        for section in Settings.__struct_fields__:
            values = getattr(self.settings, section)
            for name in values.__struct_fields__:
                key = f"{section}.{name}"
                value = getattr(values, name)
                if not secrets and value and name in values.secret_fields():
                    value = MASK
                yield key, value, self.origins.get(key, "default")


def load(
    file: str | os.PathLike[str] | None = None,
    *,
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Resolved:
    """Settings from all four places.

    ``file`` is `dataplatform.toml` of the working directory by default, or what `DP_SETTINGS` names; a file
    that is named must exist. ``flags`` maps dotted keys to values.

    Raises SettingsError that names the key and its origin.
    """
    environ = os.environ if environ is None else environ
    origins: dict[str, str] = {}
    merged: dict[str, dict[str, Any]] = {}

    path = _settings_file(file, environ)
    if path is not None:
        for key, value in _file_values(path):
            _put(merged, origins, key, value, str(path))
    for variable, key, text in _environment_values(environ):
        _put(merged, origins, key, text, variable)
    for key, value in (flags or {}).items():
        _put(merged, origins, key, value, "flag")

    try:
        settings = msgspec.convert(merged, Settings, strict=False)
    except msgspec.ValidationError as error:
        message, _, at = str(error).partition(" - at `$.")
        key = at.rstrip("`")
        origin = origins.get(key, "")
        where = f" ({origin})" if origin else ""
        raise SettingsError(
            f"setting {key}{where}: {message}{_allowed(key)}", key=key, origin=origin
        ) from error
    return Resolved(settings=settings, origins=origins, file=path)


def environment_of(resolved: Resolved) -> dict[str, str]:
    """The variables that make another process see the same settings: every value that is not a default."""
    values = {}
    for key, value, origin in resolved.rows(secrets=True):
        if origin != "default":
            values[variable_name(key)] = str(value).lower() if isinstance(value, bool) else str(value)
    return values


def variable_name(key: str) -> str:
    """`kafka.partitions` → `DP_KAFKA_PARTITIONS`."""
    return PREFIX + key.upper().replace(".", "_")


def _settings_file(file: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> Path | None:
    named = file or environ.get("DP_SETTINGS")
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise SettingsError(f"settings file {path} does not exist", key="DP_SETTINGS")
        return path.resolve()
    path = Path(FILE_NAME)
    return path.resolve() if path.is_file() else None


def _file_values(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"settings file {path}: {error}", origin=str(path)) from error
    for section, values in content.items():
        if not isinstance(values, dict):
            raise SettingsError(
                f"setting {section} ({path}): expected a section, [{section}]", key=section, origin=str(path)
            )
        for name, value in values.items():
            yield f"{section}.{name}", value


def _environment_values(environ: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and variable not in RESERVED:
            section, _, name = variable.removeprefix(PREFIX).lower().partition("_")
            yield variable, f"{section}.{name}", environ[variable]


def _put(
    merged: dict[str, dict[str, Any]], origins: dict[str, str], key: str, value: Any, origin: str
) -> None:
    section, _, name = key.partition(".")
    known = section in Settings.__struct_fields__ and name in _fields_of(section)
    if not known:
        raise SettingsError(
            f"unknown setting {key} ({origin}); `dp settings` lists them", key=key, origin=origin
        )
    if name in getattr(Settings(), section).secret_fields() and origin != variable_name(key):
        raise SettingsError(
            f"setting {key} ({origin}): a secret is taken from the variable {variable_name(key)} or from the "
            f"file that {key}_file names, and from nowhere else",
            key=key,
            origin=origin,
        )
    merged.setdefault(section, {})[name] = value
    origins[key] = origin


def _allowed(key: str) -> str:
    """The values of a setting that takes one of some, as the end of a sentence; else nothing."""
    section, _, name = key.partition(".")
    values = get_args(get_type_hints(type(getattr(Settings(), section, None))).get(name))
    if not values or not all(isinstance(value, str) for value in values):
        return ""
    return f"; one of {', '.join(values)}"


def _fields_of(section: str) -> tuple[str, ...]:
    names: tuple[str, ...] = getattr(Settings(), section).__struct_fields__
    return names
