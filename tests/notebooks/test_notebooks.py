"""The example notebooks: in order as files, and run against a real API over five weeks of data."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.notebooks import history
from tests.web.conftest import start_api

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))

__all__ = ["start_api"]  # a fixture


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_as_it_was_written(path: Path) -> None:
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert notebook.cells[0].cell_type == "markdown" and notebook.cells[0].source.startswith("# ")
    for cell in notebook.cells:
        assert cell.source.strip() and not cell.metadata
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)
            compile(cell.source, cell.id, "exec")
    # As editors write it: opening and saving it changes nothing.
    assert path.read_text("utf-8") == nbformat.writes(notebook).rstrip("\n") + "\n"


@pytest.fixture(scope="module")
def url(start_api: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    settings = history.build(tmp_path_factory.mktemp("history") / "data")
    api = start_api(**{"paths.data": settings.data_root})
    api.wait()
    return str(api.url)


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> str:
    """A kernel of this interpreter, whatever kernels are installed; it is told where the API is."""
    specification = tmp_path / "kernels" / "tested"
    specification.mkdir(parents=True)
    (specification / "kernel.json").write_text(
        json.dumps(
            {
                "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
                "display_name": "tested",
                "language": "python",
            }
        )
    )
    folders = {"JUPYTER_PATH": tmp_path, "JUPYTER_RUNTIME_DIR": tmp_path / "run", "IPYTHONDIR": tmp_path}
    for name, folder in folders.items():
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("DP_API_URL", url)
    monkeypatch.delenv("DP_API_KEY", raising=False)
    paths = [str(EXAMPLES.parent), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    return "tested"


EXPECTED = {
    "analyst": (
        "user_segments_gold",
        "users_week_over_week",
        "bounce_rate",
        "were known a week ago",
    ),
    "ml_features": ("users at the first moment", "logistic regression", "happened", "user_activity_silver"),
}


@pytest.mark.heavy
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(path: Path, kernel: str, tmp_path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, kernel_name=kernel, resources={"metadata": {"path": str(tmp_path)}}).execute()
    told = json.dumps([cell.outputs for cell in notebook.cells if cell.cell_type == "code"])
    assert [word for word in EXPECTED[path.stem] if word not in told] == []
    assert "Warning" not in told
