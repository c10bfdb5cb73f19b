"""`dp lakehouse catalog|lineage|annotate`: what the tables are, where data come from, and whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec

from contracts.configuration import Resolved
from contracts.errors import QueryError
from runtime.commands._audited import command_log, os_user

if TYPE_CHECKING:
    from rich.tree import Tree

    from lakehouse.catalog import TableSummary
    from lakehouse.datasets import Layer
    from lakehouse.lineage import Around, Direction

LAYERS = click.Choice(["stream", "bronze", "silver", "gold", "platform"])


@click.command(
    "catalog",
    epilog="""\b
Examples:
  dp lakehouse catalog
  dp lakehouse catalog "response time"
  dp lakehouse catalog --layer gold --tag users
  dp lakehouse catalog --markdown > catalog.md
  dp lakehouse catalog --json --column user_id | jq '.tables[].name'""",
)
@click.argument("text", required=False)
@click.option("--layer", type=LAYERS, help="Tables of this layer.")
@click.option("--tag", help="Tables that have this tag.")
@click.option("--owner", help="Tables of this owner.")
@click.option("--column", help="Tables that have a column of this name.")
@click.option(
    "as_json", "--json", is_flag=True, help="The catalog's export; GET /catalog/schema describes it."
)
@click.option("as_markdown", "--markdown", is_flag=True, help="A page, a section a table.")
@click.pass_obj
def catalog(
    resolved: Resolved,
    text: str | None,
    layer: Layer | None,
    tag: str | None,
    owner: str | None,
    column: str | None,
    as_json: bool,
    as_markdown: bool,
) -> None:
    """Shows the tables, or those with all words of TEXT in their name, description or columns.

    Works whether or not the platform runs.
    """
    from lakehouse.catalog import Catalog, Search
    from lakehouse.catalog.markdown import markdown

    _ensure_one(json=as_json, markdown=as_markdown)
    known = Catalog(resolved.settings)
    search = Search(q=text, layer=layer, tag=tag, owner=owner, column=column)
    if as_json:
        click.echo(msgspec.json.encode(known.export(search)).decode())
    elif as_markdown:
        click.echo(markdown(known.export(search)), nl=False)
    else:
        _print_tables(known.tables(search))


@click.command(
    "lineage",
    epilog="""\b
Examples:
  dp lakehouse lineage daily_summary_gold
  dp lakehouse lineage topic_app_events --direction downstream
  dp lakehouse lineage event_metrics_gold --direction upstream --columns --depth 1
  dp lakehouse lineage user_segments_gold --mermaid > lineage.mmd""",
)
@click.argument("name")
@click.option(
    "--direction",
    type=click.Choice(["upstream", "downstream", "both"]),
    default="both",
    show_default=True,
    help="What it is built from, what is built from it, or both.",
)
@click.option("--depth", type=click.IntRange(min=0), help="Most hops; however many, if left out.")
@click.option("--columns", is_flag=True, help="Also which columns are made of which.")
@click.option("as_json", "--json", is_flag=True, help="Nodes and edges as JSON.")
@click.option("as_mermaid", "--mermaid", is_flag=True, help="The text of a Mermaid flowchart.")
@click.pass_obj
def lineage(
    resolved: Resolved,
    name: str,
    direction: Direction,
    depth: int | None,
    columns: bool,
    as_json: bool,
    as_mermaid: bool,
) -> None:
    """Shows what NAME (a topic, a table or a batch job) is built from, and what is built from it.

    Read from the declarations and the SQL models; needs no data and no running platform.
    """
    from lakehouse.catalog import TABLES
    from lakehouse.lineage import Lineage
    from lakehouse.lineage.drawing import mermaid

    _ensure_one(json=as_json, mermaid=as_mermaid)
    found = Lineage(TABLES).around(name, direction=direction, depth=depth, columns=columns)
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
    elif as_mermaid:
        click.echo(mermaid(found), nl=False)
    else:
        _print_lineage(found)


@click.command(
    "annotate",
    epilog="""\b
Examples:
  dp lakehouse annotate user_segments_gold --owner growth-team
  dp lakehouse annotate user_segments_gold --tag users --tag personal
  dp lakehouse annotate user_segments_gold --no-tags""",
)
@click.argument("table")
@click.option("--owner", help="Whom to ask from now on.")
@click.option("tags", "--tag", multiple=True, help="A tag; may be repeated. These are all tags from now on.")
@click.option("no_tags", "--no-tags", is_flag=True, help="Take all tags away.")
@click.pass_obj
def annotate(resolved: Resolved, table: str, owner: str | None, tags: tuple[str, ...], no_tags: bool) -> None:
    """Sets the owner of TABLE, its tags, or both, for good; what is left out stays.

    Works whether or not the platform runs; a running API shows it within a second.
    """
    from lakehouse.catalog import Annotation, Catalog

    if tags and no_tags:
        raise QueryError("--tag and --no-tags exclude each other")
    known = Catalog(resolved.settings)
    edit = Annotation(owner=owner, tags=tags if tags or no_tags else None)
    user = os_user()
    with command_log(resolved.settings) as audit:
        known.annotate(table, edit, by=f"dp:{user}", audit=audit, user=user)
    now = known.table(table)
    click.echo(f"{table}: owner {now.owner}, tags {', '.join(now.tags) or 'none'}")


def _ensure_one(**forms: bool) -> None:
    if sum(forms.values()) > 1:
        raise QueryError(f"{' and '.join(f'--{form}' for form in forms)} exclude each other")


def _print_tables(tables: list[TableSummary]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console.width = 200
    shown = Table("layer", "table", "description", "owner", "tags", "rows", "quality", "freshness")
    for table in tables:
        cells = (
            table.layer,
            table.name,
            table.description,
            table.owner,
            ", ".join(table.tags),
            "–" if table.rows is None else f"{table.rows:,}",
            "–" if table.quality_score is None else f"{table.quality_score:.0%}",
            table.freshness,
        )
        shown.add_row(*map(Text, cells))
    console.print(shown)
    click.echo(f"{len(tables)} tables" if len(tables) != 1 else "1 table")


def _print_lineage(found: Around) -> None:
    from rich.console import Console

    console = Console()
    for direction in ("upstream", "downstream"):
        if found.direction in (direction, "both"):
            console.print(_tree(found, direction), soft_wrap=True)


def _tree(found: Around, direction: str) -> Tree:
    """What lies in one direction; what has been shown is named again, its branch is not."""
    from rich.text import Text
    from rich.tree import Tree

    layers = {node.name: node.layer for node in found.nodes}
    onward: dict[str, list[str]] = {name: [] for name in layers}
    columns: dict[tuple[str, str], list[str]] = {}
    for edge in found.edges:
        near, far = (edge.to, edge.origin) if direction == "upstream" else (edge.origin, edge.to)
        onward[near].append(far)
    for made in found.columns or ():
        ends = made.origin.dataset, made.to.dataset
        columns.setdefault(ends, []).append(f"{made.to.column} ← {made.origin.column}")
    shown = {found.name}

    def add(branch: Any, name: str) -> None:
        for far in onward[name]:
            again = far in shown and bool(onward[far])
            label = Text.assemble(far, (f"  {layers[far]}{', see above' if again else ''}", "dim"))
            twig = branch.add(label)
            ends = (far, name) if direction == "upstream" else (name, far)
            for line in columns.get(ends, ()):
                twig.add(Text(line, style="cyan"))
            if far not in shown:
                shown.add(far)
                add(twig, far)

    heading = {"upstream": "is built from", "downstream": "is what these are built from"}[direction]
    tree = Tree(Text.assemble((found.name, "bold"), (f"  {layers[found.name]}", "dim"), f" {heading}"))
    add(tree, found.name)
    if not onward[found.name]:
        tree.add(Text("nothing", style="dim"))
    return tree
