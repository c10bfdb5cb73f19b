"""A time as people write it on the command line."""

from __future__ import annotations

from datetime import UTC, datetime

import click


class Moment(click.ParamType):
    """RFC 3339, or a date; without an offset UTC. Gives a UTC datetime."""

    name = "time"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time; expected one like 2026-11-20T10:00:00Z", param, ctx)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
