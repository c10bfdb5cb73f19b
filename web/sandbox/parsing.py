"""SQL text as sqlglot's trees, within bounds.

The text is a stranger's, and the parser runs in the process that serves everybody else: it must neither take
long nor go deep. A text is bounded by its length, its words and its nesting; what is still expensive (chains
of method calls are copied again at each call: 2,000 of them take half a minute) ends at a bound of processor
time, so that a busy machine refuses nothing that an idle one takes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.parsers.duckdb import DuckDBParser
from sqlglot.tokenizer_core import Token, TokenType

from contracts.errors import QueryError

MAX_LENGTH = 64 * 1024
"""Longest text of a query, characters."""
MAX_WORDS = 10_000
"""Most words, operators and brackets of a query. Long lists are better sent as a parameter."""
MAX_NESTING = 200
"""Deepest nesting of brackets and CASE."""
PROCESSOR_SECONDS = 0.5
"""Most processor time for one text. The longest ordinary ones take a third of it."""

_OPENING = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE})
_CLOSING = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END})
_STEPS = 64
"""The time is looked at once in so many steps."""


class SyntaxRefused(QueryError):
    """The text does not parse here; what DuckDB says of it is clearer."""


class _Parser(DuckDBParser):
    """Gives up when its time is over; every step forth and back passes `_advance`."""

    steps = 0
    until = 0.0

    def _advance(self, times: int = 1) -> None:
        super()._advance(times)
        self.steps += 1
        if not self.steps % _STEPS and time.thread_time() > self.until:
            raise _refused("the query takes too long to understand")

    def _warn_unsupported(self) -> None:
        """Nothing: what is no SELECT is refused, and strangers write no log of ours."""


def statements(sql: str) -> list[exp.Expr]:
    """The text's statements. Raises SyntaxRefused, and QueryError (`invalid`, `refused`) for what is too
    long, too deep, or not to be parsed at all."""
    if len(sql) > MAX_LENGTH:
        raise _refused(f"the query is longer than {MAX_LENGTH:,} characters")
    if "\x00" in sql:
        raise QueryError("the query contains a NUL character", code="invalid")
    try:
        sql.encode()
    except UnicodeEncodeError:
        raise QueryError("the query contains half a character (a lone surrogate)", code="invalid") from None
    dialect = DuckDB()
    try:
        words = dialect.tokenize(sql)
        _check_size(words)
        parser = _Parser(dialect=dialect)
        parser.until = time.thread_time() + PROCESSOR_SECONDS
        return [statement for statement in parser.parse(words, sql) if statement is not None]
    except SqlglotError as error:
        raise SyntaxRefused(f"syntax: {_first_line(error)}", offset=_place(sql, error)) from error
    except RecursionError:
        raise _refused("the query is nested too deeply") from None


def _check_size(words: Sequence[Token]) -> None:
    if len(words) > MAX_WORDS:
        raise _refused(
            f"the query has {len(words):,} words and signs, and {MAX_WORDS:,} may be; "
            "send a long list as a parameter"
        )
    depth = 0
    for word in words:
        if word.token_type in _OPENING:
            depth += 1
            if depth > MAX_NESTING:
                raise _refused("the query is nested too deeply")
        elif word.token_type in _CLOSING:
            depth -= 1


def _refused(message: str) -> QueryError:
    return QueryError(message, code="refused")


def _place(sql: str, error: SqlglotError) -> int | None:
    """Characters before the word that the parser stopped at."""
    found = error.errors[0] if isinstance(error, ParseError) and error.errors else {}
    line, column, word = found.get("line"), found.get("col"), found.get("highlight") or ""
    if line is None or column is None:
        return None
    before = sum(len(text) for text in sql.splitlines(keepends=True)[: line - 1])
    return max(before + int(column) - len(word), 0)


def _first_line(error: SqlglotError) -> str:
    # sqlglot underlines the place with terminal codes; a JSON message wants the words alone.
    return str(error).splitlines()[0].replace("\x1b[4m", "").replace("\x1b[0m", "")
