"""Pages that are made of declarations are what would be made of them now, and say all that is declared."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import click
import pytest

from contracts import configuration
from contracts.settings import Settings
from contracts.sources import SOURCES, topic_specs
from lakehouse.alerts.rules import RULES
from lakehouse.catalog.tables import TABLES
from lakehouse.datasets.examples import EXAMPLES
from runtime.cli import main
from runtime.documentation import commands, datasets, pages, topics
from runtime.documentation.markdown import code, prose, table
from runtime.services import all_services

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
RUNBOOK = ["Means", "See", "Fix", "Fixed when"]


@pytest.mark.heavy
def test_every_page_is_up_to_date() -> None:
    found = [f"{found.page}: {found.is_what}" for found in pages.differences(ROOT)]
    assert found == [], "run: dp docs generate"


@pytest.mark.heavy
def test_what_is_out_of_date_is_named_written_and_removed(tmp_path: Path) -> None:
    shutil.copytree(DOCS, tmp_path / "docs", ignore=shutil.ignore_patterns("assets"))
    (tmp_path / "docs/settings.md").write_text("old")
    (tmp_path / "docs/topics.md").unlink()
    (tmp_path / "docs/datasets/gone_gold.md").write_text("# gone_gold")
    expected = {
        ("docs/settings.md", "out of date"),
        ("docs/topics.md", "missing"),
        ("docs/datasets/gone_gold.md", "of a dataset that is not declared"),
    }
    assert {(d.page, d.is_what) for d in pages.write(tmp_path)} == expected
    assert not (tmp_path / "docs/datasets/gone_gold.md").exists()
    for name in ("settings.md", "topics.md"):
        assert (tmp_path / "docs" / name).read_text("utf-8") == (DOCS / name).read_text("utf-8")


@pytest.fixture(scope="module")
def of_datasets() -> dict[str, str]:
    return datasets.render()


@pytest.mark.heavy
def test_a_dataset_s_page_has_all_of_its_columns_rules_and_its_example(of_datasets: dict[str, str]) -> None:
    assert of_datasets.keys() == {"README.md"} | {f"{name}.md" for name in TABLES}
    for name, declared in TABLES.items():
        page = of_datasets[f"{name}.md"]
        rows = re.findall(r"^\| (\S+) \|", page.partition("## Columns")[2].partition("## ")[0], re.MULTILINE)
        assert rows[0] == "column" and rows[1:] == [f"`{column}`" for column in declared.schema.names]
        rules = page.partition("## Rules")[2].partition("## Lineage")[0]
        assert all(f"`{rule.name}`" in rules for rule in (*declared.rules, *declared.set_rules))
        assert page.endswith(f"```sql\n{EXAMPLES[name].sql}\n```\n")
        assert f"({name}.md)" in of_datasets["README.md"]


@pytest.mark.heavy
def test_lineage_of_a_column_is_told_in_both_directions(of_datasets: dict[str, str]) -> None:
    page = of_datasets["event_metrics_gold.md"]
    assert "| `unique_users` | `app_events_silver.user_id` |" in page
    assert "`event_metrics_gold.unique_users`" in of_datasets["app_events_silver.md"]


def test_every_command_and_option_is_in_the_reference() -> None:
    page = commands.render()

    def check(command: click.Command, path: str) -> None:
        assert re.search(rf"^#+ {re.escape(path)}$", page, re.MULTILINE), path
        section = re.split(rf"^#+ {re.escape(path)}$", page, flags=re.MULTILINE)[1].partition("\n## ")[0]
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.opts[0] in section, f"{path} {parameter.opts}"
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                found = command.get_command(context, name)
                if found is not None and not found.hidden:
                    check(found, f"{path} {name}")

    context = click.Context(main)
    for name in main.list_commands(context):
        found = main.get_command(context, name)
        assert found is not None
        if not found.hidden:
            check(found, f"dp {name}")


def test_every_topic_and_field_of_an_event_is_in_the_reference() -> None:
    page = topics.render()
    assert all(f"`{spec.name}`" in page for spec in topic_specs(Settings()))
    for source in SOURCES:
        section = page.partition(f"\n## {source.topic}\n")[2].partition("\n## ")[0]
        assert all(f"| `{field}` |" in section for field in source.event.__struct_fields__)


def test_every_rule_has_a_runbook_that_says_what_on_call_asks() -> None:
    assert {path.stem for path in (DOCS / "runbooks").glob("*.md")} == set(RULES)
    for rule in RULES.values():
        text = (ROOT / rule.runbook).read_text("utf-8")
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == RUNBOOK, rule.name
        for section in re.split(r"^## .+$", text, flags=re.MULTILINE)[1:]:
            assert section.strip(), rule.name


def test_what_runbooks_tell_to_run_and_to_set_exists() -> None:
    known = {key for key, _, _ in configuration.load(environ={}).rows()}
    sections = {key.partition(".")[0] for key in known}
    for page in (DOCS / "runbooks").glob("*.md"):
        for piece in re.findall(r"`([^`\n]+)`", page.read_text("utf-8")):
            if re.fullmatch(r"[a-z]+\.[a-z_]+", piece) and piece.partition(".")[0] in sections:
                assert piece in known, f"{page.name}: no setting {piece}"
            if piece.startswith("dp "):
                assert _is_a_command(piece.split()[1:]), f"{page.name}: {piece}"


def _is_a_command(words: list[str]) -> bool:
    """Whether the commands, and the options after them, are there."""
    command: click.Command = main
    for place, word in enumerate(words):
        if not isinstance(command, click.Group):
            options = {name for parameter in command.params for name in parameter.opts}
            return all(w in options for w in words[place:] if w.startswith("--"))
        found = command.get_command(click.Context(command), word)
        if found is None:
            return False
        command = found
    return True


def test_the_architecture_names_every_service_folder_and_room() -> None:
    page = (DOCS / "architecture.md").read_text("utf-8")
    services = [service.name for service in all_services(Settings())]
    simulators = [name for name in services if name.endswith("-simulator")]
    assert len(simulators) == 5 and "five simulators" in page
    # The page has the workers as stream-worker-1 … N.
    assert [name for name in services if name not in simulators and name not in page] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    folders = project["tool"]["importlinter"]["root_packages"]
    assert [folder for folder in folders if f"| `{folder}/` |" not in page] == []
    rooms = [room.name for room in (ROOT / "lakehouse").iterdir() if (room / "__init__.py").exists()]
    assert [room for room in rooms if f"`{room}/`" not in page] == []


def test_limits_of_rules_are_settings() -> None:
    known = {key for key, _, _ in configuration.load(environ={}).rows()}
    assert {limit for rule in RULES.values() for limit in rule.limits} <= known


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("a | b < c & d", "a &#124; b &lt; c &amp; d"),
        ("see `x | y` and ``z``", "see <code>x &#124; y</code> and `z`"),
        ("event_id and _odd_ *one*", r"event_id and \_odd\_ \*one\*"),
        ("a [link](x)", r"a \[link\](x)"),
    ],
)
def test_text_is_text_and_never_syntax(text: str, markdown: str) -> None:
    assert prose(text) == markdown


def test_a_cell_is_one_line() -> None:
    assert list(table(("a",), [("x\ny",)])) == ["| a |", "|---|", "| x y |"]
    assert list(table(("a",), [])) == []
    assert code("  ") == ""
