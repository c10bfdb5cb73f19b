"""Secrets: made on first use, kept in files of mode 600, handed to processes as file names, never in argv."""

from __future__ import annotations

import os
import secrets as random
from pathlib import Path

from contracts.errors import SettingsError
from contracts.layout import secrets_folder
from contracts.settings import Settings

SPARK = "spark"
CONTROL = "control"
AUDIT = "audit"
"""Key of the audit log's chains."""


def secret_path(settings: Settings, name: str) -> Path:
    """The file of a secret (`spark`, `control`)."""
    if name == SPARK and settings.spark.secret_file:
        return Path(settings.spark.secret_file).expanduser()
    return secrets_folder(settings) / name


def secret(settings: Settings, name: str) -> str:
    """The secret of that name, made (256 bits, URL-safe) where there is none yet.

    Two processes that race for the first use get the same secret. Raises SettingsError where a file that a
    setting names is missing.
    """
    path = secret_path(settings, name)
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        if path.parent != secrets_folder(settings):
            raise SettingsError(f"secret file {path} does not exist", key=f"{name}.secret_file") from None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    fresh = path.with_name(f".{name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(random.token_urlsafe(32))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return path.read_text("ascii").strip()
