"""The reference of the command line, from the commands themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import cleandoc
from textwrap import dedent

import click

from contracts.errors import PlatformError, SettingsError
from runtime.cli import main
from runtime.documentation.markdown import code, fence, made_from, prose, table

INTRODUCTION = """\
`./dp COMMAND --help` says the same in a terminal. Options before the command hold for all of them.
Exit codes: 0 all well, 1 what was looked at is not as it should be, 2 wrong usage or a wrong setting; further
ones are those of the kind of error:"""


def render() -> str:
    """The whole page, Markdown."""
    root = click.Context(main, info_name="dp", **main.context_settings)
    lines = [
        "# Commands",
        "",
        made_from("the commands"),
        "",
        INTRODUCTION,
        "",
        *_exit_codes(),
        "",
        *_options(root),
    ]
    for command in _commands(root):
        lines += ["", *_section(command)]
    return "\n".join(lines).rstrip() + "\n"


def _exit_codes() -> Iterator[str]:
    kinds = [kind for kind in PlatformError.__subclasses__() if kind.exit_code > SettingsError.exit_code]
    yield from table(
        ("exit code", "when"),
        [(str(kind.exit_code), prose((kind.__doc__ or "").split("\n\n")[0])) for kind in kinds],
    )


def _commands(parent: click.Context) -> Iterator[click.Context]:
    group = parent.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        if command is None or command.hidden:
            continue
        context = click.Context(command, info_name=name, parent=parent, **command.context_settings)
        yield context
        if isinstance(command, click.Group):
            yield from _commands(context)


def _section(context: click.Context) -> Iterator[str]:
    command = context.command
    depth = len(context.command_path.split())
    yield f"{'#' * min(depth, 4)} {context.command_path}"
    yield ""
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield from fence("text", usage)
    yield ""
    # What follows \f is not for users; \b keeps lines together in a terminal alone.
    yield from _paragraphs(cleandoc(command.help or "").partition("\f")[0])
    options = list(_options(context))
    if options:
        yield from ("", *options)
    examples, _, rest = cleandoc(command.epilog or "").replace("\b\n", "").partition("\n\n")
    named, colon, lines = examples.partition(":")
    if colon and named in ("Example", "Examples"):
        yield from ("", *fence("text", dedent(lines.strip("\n"))))
        examples = ""
    for text in (examples, rest):
        if text:
            yield from ("", *_paragraphs(text))


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(re.split(r"\n\s*\n", text)):
        if number:
            yield ""
        if paragraph.startswith("\b\n"):
            yield from fence("text", paragraph.removeprefix("\b\n"))
        else:
            yield prose(paragraph)


def _options(context: click.Context) -> Iterator[str]:
    rows = []
    for parameter in context.command.get_params(context):
        record = None if parameter.name == "help" else parameter.get_help_record(context)
        if record is not None:
            rows.append((code(record[0]), prose(record[1])))
    yield from table(("option", ""), rows)
