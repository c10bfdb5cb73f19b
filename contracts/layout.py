"""Where things lie under the data root, and how a chain's files are named."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from contracts.settings import Settings
from contracts.sources import Source


class HasChains(Protocol):
    """What has chains of files: a source."""

    @property
    def chain_folder(self) -> str:
        """Folder of the chains, relative to the data root."""


LAYERS = ("bronze", "silver", "gold", "platform")
FOLDERS = ("landing", *LAYERS, "audit", "checkpoints", "catalog")
"""Folders of the data root besides `outputs/` and `archive/`, which may lie elsewhere."""


def table_path(settings: Settings, layer: str, name: str) -> Path:
    """Folder of a Delta table."""
    return settings.data_root / layer / name


def chains_root(settings: Settings, source: HasChains) -> Path:
    """Folder that holds a source's chains (`topic_id=…/partition=…/`)."""
    first, _, rest = source.chain_folder.partition("/")
    base = settings.outputs_root if first == "outputs" else settings.data_root / first
    return base / rest


def chain_folder(settings: Settings, source: Source, topic_id: str, partition: int) -> Path:
    return chains_root(settings, source) / f"topic_id={topic_id}" / f"partition={partition}"


def chain_file_name(first_offset: int) -> str:
    """A chain file is named for the source offset at which it begins, and for that alone."""
    return f"{first_offset:020d}.parquet"


def view_folder(settings: Settings, view: str) -> Path:
    """Folder of a view (`events_aggregated_realtime`, `clickstream_sessions`), with `date=…/` below."""
    return settings.outputs_root / view


def run_folder(settings: Settings) -> Path:
    """State of the running copy: supervisor lock, pids, heartbeats."""
    return settings.data_root / "run"


def logs_folder(settings: Settings) -> Path:
    return settings.data_root / "logs"


def secrets_folder(settings: Settings) -> Path:
    """Generated secrets, folder mode 700, files mode 600."""
    return settings.data_root / "secrets"


def audit_folder(settings: Settings) -> Path:
    """Lines of the audit log, `<UTC date>/<chain>.jsonl`, and beside them the texts that they quote."""
    return settings.data_root / "audit"


def audit_heads_folder(settings: Settings) -> Path:
    """How far each chain of the audit log has come: kept with the secrets, as nobody else may write it."""
    return secrets_folder(settings) / "audit-heads"
