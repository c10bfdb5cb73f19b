"""Secrets: made on first use, kept in files of mode 600, handed to processes as file names, never in argv."""

from __future__ import annotations

import os
import secrets as random
from pathlib import Path

from contracts.errors import SettingsError
from contracts.layout import secrets_folder
from contracts.section import Section
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


def given(settings: Settings, key: str) -> str:
    """The secret that the setting ``key`` (`kafka.sasl_password`) holds, or the file that `<key>_file` names,
    without the white space around it; empty where neither is set.

    Raises SettingsError where both are, or the file is missing, unreadable or empty.
    """
    section, _, name = key.partition(".")
    values: Section = getattr(settings, section)
    value, file = getattr(values, name), getattr(values, f"{name}_file")
    if value and file:
        raise SettingsError(f"{key} and {key}_file are both set: which one counts?", key=key)
    if not file:
        return str(value)
    text = _text(given_file(settings, f"{key}_file"), f"{key}_file")
    if not text:
        raise SettingsError(f"setting {key}_file: file {file} is empty", key=f"{key}_file")
    return text


def given_file(settings: Settings, key: str) -> Path | None:
    """The file that the setting ``key`` (`kafka.ssl_ca_file`) names; None where it is empty.

    Raises SettingsError where there is no such file.
    """
    section, _, name = key.partition(".")
    named = getattr(getattr(settings, section), name)
    if not named:
        return None
    path = Path(named).expanduser()
    if not path.is_file():
        raise SettingsError(f"setting {key}: file {named} does not exist", key=key)
    return path


def _text(path: Path | None, key: str) -> str:
    assert path is not None
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"setting {key}: file {path} cannot be read: {error}", key=key) from error
