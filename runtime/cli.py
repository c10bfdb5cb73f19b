"""The `dp` command line: global options, settings, and commands loaded only when they are used.

A command is a module `runtime/commands/<name>.py` (dashes in its name are underscores in the file's) that
exposes ``command: click.Command``. It gets ``contracts.configuration.Resolved`` by ``@click.pass_obj``.
"""

from __future__ import annotations

import importlib
import pkgutil
from itertools import takewhile
from typing import IO, Any

import click

from contracts import configuration
from contracts.errors import PlatformError, SettingsError
from runtime import commands

HELP_OPTIONS = ("-h", "--help")
HELP_ASKED = "dp.help"


class Failure(click.ClickException):
    """A PlatformError on its way out: one line on stderr, and the exit code of its family."""

    def __init__(self, error: PlatformError) -> None:
        super().__init__(str(error))
        self.exit_code = error.exit_code

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"dp: {self.message}", file=file, err=file is None)


class LazyGroup(click.Group):
    """Finds commands by file name and imports one only when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        modules = pkgutil.iter_modules(commands.__path__)
        return sorted(module.name.replace("_", "-") for module in modules if module.name[0] != "_")

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{commands.__name__}.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        arguments = takewhile(lambda argument: argument != "--", ctx.args)
        ctx.meta[HELP_ASKED] = any(argument in HELP_OPTIONS for argument in arguments)
        try:
            return super().invoke(ctx)
        except PlatformError as error:
            raise Failure(error) from error


def _flags(assignments: tuple[str, ...]) -> dict[str, str]:
    flags = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or "." not in key:
            raise SettingsError(f"--set {assignment}: expected SECTION.KEY=VALUE", key=key, origin="flag")
        flags[key.strip()] = value
    return flags


def _say_version(ctx: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from runtime.version import described

        click.echo(f"dp {described()}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": list(HELP_OPTIONS), "max_content_width": 110},
    epilog="Start with `dp up`; `dp COMMAND --help` shows examples.",
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_say_version,
    help="Show the version, of a checkout also its commit, and exit.",
)
@click.option(
    "settings_file",
    "--settings",
    metavar="FILE",
    help="Settings file; `dataplatform.toml` of the working directory (or $DP_SETTINGS) by default.",
)
@click.option(
    "assignments",
    "--set",
    metavar="SECTION.KEY=VALUE",
    multiple=True,
    help="Overrides one setting; may be repeated. `dp settings` lists them.",
)
@click.pass_context
def main(ctx: click.Context, settings_file: str | None, assignments: tuple[str, ...]) -> None:
    """A data platform on one machine: Kafka, Faust, Spark and Delta Lake, started with one command."""
    if ctx.meta[HELP_ASKED]:
        return  # a broken settings file must not hide the help
    ctx.obj = configuration.load(settings_file, flags=_flags(assignments))
