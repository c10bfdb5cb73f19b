"""Lengths of time as people write them on the command line; beginnings and ends of something."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click

from runtime.commands._moment import Moment

_SPAN = re.compile(r"(\d+)([smhdw]?)")
_LONGEST = timedelta(days=36_500)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Span(click.ParamType):
    """`90s`, `30m`, `24h`, `90d`, `2w`; `0` is none. Gives a timedelta."""

    name = "span"

    def convert(
        self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = _SPAN.fullmatch(value)
        if found is None or not (found[2] or value == "0"):
            self.fail(f"{value!r} is no length of time; expected one like 30m, 24h or 90d", param, ctx)
        try:
            span = timedelta(**{_UNITS[found[2] or "s"]: int(found[1])})
        except OverflowError:
            span = timedelta.max
        if span > _LONGEST:
            self.fail(f"{value!r} is too long", param, ctx)
        return span


class Until(Moment):
    """A length of time from now, or a time or date, which must lie ahead. Gives a UTC datetime."""

    name = "span or time"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        now = datetime.now(UTC)
        if isinstance(value, str) and _SPAN.fullmatch(value):
            ends = now + Span().convert(value, param, ctx)
        else:
            ends = super().convert(value, param, ctx)
        if ends <= now:
            self.fail(f"{value!r} is not ahead of now", param, ctx)
        return ends


class Since(Moment):
    """A length of time before now, or a time or date. Gives a UTC datetime."""

    name = "span or time"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        if isinstance(value, str) and _SPAN.fullmatch(value):
            return datetime.now(UTC) - Span().convert(value, param, ctx)
        return super().convert(value, param, ctx)
