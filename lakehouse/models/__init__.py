"""The SQL models, one file a table: `<layer>/<table>.sql`, in the Spark dialect subset that both engines
run."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from contracts.errors import NotFound
from lakehouse.datasets import Dataset
from lakehouse.models.subset import ensure_allowed

FOLDER = Path(__file__).parent


@cache
def text_of(model: str) -> str:
    """Text of a model's file, named below this folder.

    Raises ContractError, with the line, where it is not SQL that both engines run alike.
    """
    text = (FOLDER / model).read_text("utf-8")
    ensure_allowed(text, model)
    return text


def model_sql(dataset: Dataset) -> str:
    """Text of the dataset's model. Raises NotFound where its layer has none."""
    if not dataset.model:
        raise NotFound(f"{dataset.name} has no SQL model: {dataset.layer} tables are not computed")
    return text_of(dataset.model)
