"""`dp sql`: read-only SQL over the tables, in the API's sandbox but without the API."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from contracts.configuration import Resolved
from contracts.errors import DependencyError, PlatformError, QueryError
from runtime.commands._audited import command_log, os_user
from runtime.commands._moment import Moment

if TYPE_CHECKING:
    from rich.table import Table

    from contracts.settings import Settings
    from web.queries import Result
    from web.sandbox.protocol import Format


@click.command(
    "sql",
    epilog="""\b
Examples:
  dp sql "SELECT count(*) FROM app_events_silver"
  dp sql --csv "FROM event_metrics_gold" > metrics.csv
  dp sql --json --limit 10 - < query.sql
  dp sql --as-of 2026-11-20T10:00:00Z "SELECT count(*) FROM app_events_silver"
  dp sql --version 120 "SELECT count(*) FROM app_events_silver\"""",
)
@click.argument("text", metavar="SELECT")
@click.option("as_json", "--json", is_flag=True, help="JSON as POST /query answers it.")
@click.option("as_csv", "--csv", is_flag=True, help="CSV with a header.")
@click.option("--limit", type=click.IntRange(min=1), help="Most rows; api.query_rows_max at most.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds; api.query_timeout_seconds at most.",
)
@click.option("as_of", "--as-of", type=Moment(), metavar="TIME", help="Read every table as it was then.")
@click.option("version", "--version", type=click.IntRange(min=0), help="Read the one table as this version.")
@click.pass_obj
def command(
    resolved: Resolved,
    text: str,
    as_json: bool,
    as_csv: bool,
    limit: int | None,
    timeout: float | None,
    as_of: datetime | None,
    version: int | None,
) -> None:
    """Run one SELECT over the tables (DuckDB's dialect) and print its rows.

    Reads the newest version of each table unless another is asked for; `-` takes the query from standard
    input. Works whether or not the platform runs.
    """
    if as_json and as_csv:
        raise QueryError("--json and --csv exclude each other")
    sql = sys.stdin.read() if text == "-" else text
    how = Asked(limit, timeout, "csv" if as_csv else "json", version, as_of)
    result = _recorded(resolved.settings, sql, how)
    if as_csv:
        sys.stdout.buffer.write(result.rows)
    elif as_json:
        _print_json(result)
    else:
        _print_table(result)
    if result.truncated and not as_json:
        click.echo(f"dp: more rows than {result.row_count} were cut off", err=True)


class Asked(NamedTuple):
    """How a query is asked for."""

    limit: int | None
    seconds: float | None
    format: Format
    version: int | None
    as_of: datetime | None


def _recorded(settings: Settings, sql: str, how: Asked) -> Result:
    """Runs the query, and tells the audit log of it, refused ones too. A query changes nothing: where it
    cannot be recorded that is said, and it is answered all the same, as by the API."""
    told: dict[str, Any] = {"state": "failed"}
    texts = {"statement": sql}
    with command_log(settings) as audit:
        try:
            result = asyncio.run(_run(settings, sql, how))
            told = {"rows": result.row_count, "ms": result.elapsed_ms, "tables": sorted(result.versions)}
        except PlatformError as error:
            texts["reason"] = str(error)
            raise
        finally:
            audit.record("sql.query", user=os_user(), details=told, texts=texts)
            try:
                audit.flush()
            except DependencyError as error:
                click.echo(f"dp: this query is not recorded: {error}", err=True)
    return result


async def _run(settings: Settings, sql: str, how: Asked) -> Result:
    from web.queries import open_queries

    async with open_queries(settings, workers=1) as queries:
        return await queries.query(sql, **how._asdict())


def _print_json(result: Result) -> None:
    import msgspec

    answer = result
    document: dict[str, Any] = {
        "columns": answer.columns,
        "rows": msgspec.Raw(answer.rows),
        "row_count": answer.row_count,
        "truncated": answer.truncated,
        "elapsed_ms": answer.elapsed_ms,
        "versions": result.versions,
    }
    click.echo(msgspec.json.encode(document))


def _print_table(result: Result) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    answer = result
    table = Table(header_style="bold")
    for column in answer.columns:
        numeric = column.type.startswith(("DECIMAL", "DOUBLE", "FLOAT")) or column.type.endswith(
            ("INT", "INTEGER")
        )
        table.add_column(Text(column.name), justify="right" if numeric else "left", overflow="fold")
    for row in json.loads(answer.rows):
        table.add_row(*(Text(_cell(value)) for value in row))
    console = Console()
    if not console.is_terminal:
        console.width = 1000  # a line a row for grep, never folded
    elif console.measure(table, options=console.options.update(width=10_000)).maximum > console.width:
        table = _one_below_another(result)
    console.print(table)
    rows = "1 row" if answer.row_count == 1 else f"{answer.row_count:,} rows"
    click.echo(f"{rows} in {answer.elapsed_ms:.0f} ms")


def _one_below_another(result: Result) -> Table:
    """A line a value: for rows that are wider than the terminal, where folded cells could not be read."""
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for number, row in enumerate(json.loads(result.rows), start=1):
        table.add_row(Text(f"row {number}", "dim"), "")
        for column, value in zip(result.columns, row, strict=True):
            table.add_row(Text(column.name), Text(_cell(value)))
    return table


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return str(value).lower()
    # Control characters of a producer's text are not the terminal's business.
    return "".join(c if c.isprintable() else "·" for c in str(value))
