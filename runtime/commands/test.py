"""`dp test`: the tests, and with `--checks` linters, types and arrows between packages besides."""

from __future__ import annotations

import sys

import click

from contracts.configuration import Resolved


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": True},
    epilog="\b\nExamples:\n  dp test --fast\n  dp test tests/contracts -k settings -x\n  dp test --checks",
)
@click.option("--fast", is_flag=True, help="Only what needs no JVM: under a minute.")
@click.option("--long", "long_", is_flag=True, help="Also the long fault and fuzz runs.")
@click.option("--checks", is_flag=True, help="Ruff, mypy and import-linter first, then the tests.")
@click.argument("pytest_arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def command(
    resolved: Resolved, fast: bool, long_: bool, checks: bool, pytest_arguments: tuple[str, ...]
) -> None:
    """Run the tests; anything else on the line goes to pytest.

    Without options: unit tests, and the system tests against the real broker and cluster, on free ports and
    in temporary folders. Exits with 1 when a check fails, else with pytest's own code.
    """
    from contracts.errors import NotFound
    from runtime import jars, testing
    from runtime.bootstrap.place import checkout
    from runtime.bootstrap.progress import Progress

    if checkout() is None:
        raise NotFound("the tests are part of a checkout, and this is an installed dp")
    if fast and long_:
        raise click.UsageError("--fast leaves out what --long adds: give one of them")
    progress = Progress()
    if not fast:
        jars.ensure(resolved.settings, progress)
    failed = testing.run_checks(progress) if checks else []
    code = testing.run_pytest("fast" if fast else "long" if long_ else "default", pytest_arguments)
    if failed:
        progress.say(f"failed checks: {', '.join(failed)} (what they said stands before the tests)")
    sys.exit(code or (1 if failed else 0))
