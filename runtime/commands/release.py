"""`dp release`: what is built, listed and audited for a release (docs/release.md)."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from contracts.configuration import Resolved

OUT = "dist"


@click.group(
    "release",
    epilog="""\b
Examples:
  dp release build
  dp release sbom --output dist/dataplatform-0.1.0-sbom.json
  dp release audit""",
)
def command() -> None:
    """Make a release from this checkout: wheel, source distribution, bill of materials, audit."""


@command.command(
    "build", epilog="\b\nExamples:\n  dp release build\n  dp release build --out /tmp/mine --with-changes"
)
@click.option(
    "out",
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(OUT),
    show_default=True,
    help="Folder for the files; earlier ones of ours in it go.",
)
@click.option("changes", "--with-changes", is_flag=True, help="Build what is not committed, too.")
@click.option("--sbom/--no-sbom", "bill", default=True, help="Lay the bill of materials beside them.")
@click.pass_obj
def build_command(resolved: Resolved, out: Path, changes: bool, bill: bool) -> None:
    """Build wheel and source distribution, with the constraints to install them with and checksums of all.

    The same commit gives the same bytes, whoever builds it and when.
    """
    from runtime.bootstrap.progress import Progress
    from runtime.release.building import build, write_checksums
    from runtime.release.sbom import sbom
    from runtime.release.tools import needed_checkout
    from runtime.version import version

    root, progress = needed_checkout(), Progress()
    found = build(root, out, progress.say, changes=changes)
    if bill:
        text = sbom(root, resolved.settings, progress.say)
        (out / f"dataplatform-{version()}-sbom.json").write_text(text, "utf-8")
        found = write_checksums(out)
    for name, digest in found:
        click.echo(f"{digest}  {name}")


@command.command("sbom", epilog="\b\nExample:\n  dp release sbom | jq '.components | length'")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write; else it is printed."
)
@click.pass_obj
def sbom_command(resolved: Resolved, output: Path | None) -> None:
    """List every package and jar that an installed platform consists of, as CycloneDX JSON."""
    from runtime.bootstrap.progress import Progress
    from runtime.release.sbom import sbom
    from runtime.release.tools import needed_checkout

    text = sbom(needed_checkout(), resolved.settings, Progress().say)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, "utf-8")


@command.command(
    "audit",
    epilog="\b\nExample:\n  dp release audit\n\n\b\nExit code: 0 nothing known, or skipped; 1 something is.",
)
def audit_command() -> None:
    """Look up known vulnerabilities of every locked package; says so where the data cannot be reached."""
    from runtime.bootstrap.progress import Progress
    from runtime.release.audit import audit
    from runtime.release.tools import needed_checkout

    audited = audit(needed_checkout(), Progress().say)
    click.echo(f"audit: {audited.state}: {audited.says}")
    sys.exit(1 if audited.state == "vulnerable" else 0)
