"""The environment of the services: the same settings, the copy's mark, and nothing secret."""

from __future__ import annotations

import os
from collections.abc import Mapping

from contracts.configuration import Resolved, environment_of, variable_name
from contracts.layout import run_folder
from runtime.topology.declaration import ConfigFile
from runtime.topology.leftovers import INSTANCE, SERVICE

KEPT = frozenset({"DP_PYTHON", "DP_HOME"})


def settings_file(resolved: Resolved) -> ConfigFile:
    """A settings file without settings, so that services do not read one that was changed since the start."""
    return ConfigFile(
        path=run_folder(resolved.settings) / "config" / "settings.toml",
        content="# The settings of the running copy are in the environment of its processes.\n",
    )


def environment(
    resolved: Resolved, service: str, extra: Mapping[str, str], inherited: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """All variables of one service's process. Paths are absolute in it."""
    return {
        **background_environment(resolved, inherited),
        "PATH": _with_system_folders(inherited.get("PATH", "")),
        "DP_SETTINGS": str(settings_file(resolved).path),
        INSTANCE: str(resolved.settings.data_root),
        SERVICE: service,
        "PYTHONUNBUFFERED": "1",
        **extra,
    }


def background_environment(resolved: Resolved, inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The same settings for a supervisor in the background, which bears no mark."""
    settings = resolved.settings
    own = {name: value for name, value in inherited.items() if not name.startswith("DP_") or name in KEPT}
    if resolved.file is not None:
        own["DP_SETTINGS"] = str(resolved.file)
    roots = {"paths.data": settings.data_root}
    if settings.paths.outputs:
        roots["paths.outputs"] = settings.outputs_root
    if settings.paths.archive:
        roots["paths.archive"] = settings.archive_root
    return {
        **own,
        **environment_of(resolved),
        **{variable_name(key): str(path) for key, path in roots.items()},
    }


def _with_system_folders(path: str) -> str:
    """``path`` and, behind it, the system's own folders: Spark's launcher is a script and calls others."""
    known = [folder for folder in path.split(os.pathsep) if folder]
    return os.pathsep.join([*known, *(folder for folder in ("/usr/bin", "/bin") if folder not in known)])
