"""`dp docs`: the pages that are made of declarations, and the site."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.group(
    "docs",
    epilog="""\b
Examples:
  dp docs generate
  dp docs build --out site""",
)
def command() -> None:
    """Make the documentation: pages from declarations, and the site from all pages."""


@command.command(
    "generate",
    epilog="""\b
Examples:
  dp docs generate             after a change of a dataset, a setting, a command, a route, a rule
  dp docs generate --check     changes nothing; exit code 1 where a page is out of date""",
)
@click.option("--check", is_flag=True, help="Only say what is out of date.")
def generate(check: bool) -> None:
    """Write the pages that are made of declarations.

    Datasets, topics, settings, commands, API, alerts, benchmarks.
    """
    from runtime.documentation import pages, site

    root = site.checkout()
    found = pages.differences(root) if check else pages.write(root)
    for difference in found:
        click.echo(f"{difference.page}: {difference.is_what}{'' if check else '; now up to date'}")
    if not found:
        click.echo("all pages are up to date")
    if check and found:
        click.echo("dp docs generate writes them anew", err=True)
        sys.exit(1)


@command.command(
    "build",
    epilog="""\b
Examples:
  dp docs build                to .setup/site
  dp docs build --out /srv/www/dataplatform""",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the site, emptied first; `.setup/site` beside `dp` by default.",
)
def build(out: Path | None) -> None:
    """Build the site: static files that fetch nothing from other hosts. Dead links fail it.

    What builds it is installed when first needed, apart from the platform.
    """
    from runtime.documentation import site

    folder = out or site.checkout() / ".setup" / "site"
    site.build(folder, lambda text: click.echo(text, err=True))
    click.echo(f"built: {folder / 'index.html'}")


@command.command("serve", epilog="Example: dp docs serve --port 8000")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
def serve(port: int) -> None:
    """Serve the site on this host alone, built anew when a page changes, until Ctrl-C."""
    from runtime.documentation import site

    sys.exit(site.serve(f"127.0.0.1:{port}", lambda text: click.echo(text, err=True)))
