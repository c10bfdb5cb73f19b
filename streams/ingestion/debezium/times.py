"""Debezium's counts of days and fractions of seconds as ISO 8601 text, proleptic Gregorian in every year.

Nothing is shifted by a time zone. Years beyond 0000–9999 have a sign (`+12345-01-01`, `-0043-03-15`);
fractions finer than a microsecond are cut. PostgreSQL's infinities keep their names.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
DAY = 86_400_000_000
"""Microseconds."""
_LAST_ORDINAL = date.max.toordinal()
_CYCLE_YEARS, _CYCLE_DAYS = 400, 146_097
"""The Gregorian calendar repeats itself after so many years and days."""
_EPOCH = datetime(1970, 1, 1)
_FIRST = (date.min.toordinal() - EPOCH_ORDINAL) * DAY
_LAST = (_LAST_ORDINAL - EPOCH_ORDINAL + 1) * DAY - 1

# What the connector makes of 'infinity' and '-infinity', by unit: PostgreSQL's driver has a pair of its own
# for timestamps, dates and nanoseconds saturate.
_INFINITE_DAYS = {
    2**31 - 1: "infinity",
    -(2**31): "-infinity",
    -2_147_472_692: "infinity",  # what Debezium 3.2 sends
    -2_147_472_691: "-infinity",
}
_INFINITE_MILLIS = {9_223_372_036_825_200: "infinity", -9_223_372_036_832_400: "-infinity"}
_INFINITE_MICROS = {9_223_372_036_825_200_000: "infinity", -9_223_372_036_832_400_000: "-infinity"}
_INFINITE_NANOS = {2**63 - 1: "infinity", -(2**63): "-infinity"}


def date_from_days(days: int) -> str:
    """`1000-01-01` from −354285."""
    ordinal = days + EPOCH_ORDINAL
    if 0 < ordinal <= _LAST_ORDINAL:
        return date.fromordinal(ordinal).isoformat()
    if days in _INFINITE_DAYS:
        return _INFINITE_DAYS[days]
    cycles, rest = divmod(ordinal - 1, _CYCLE_DAYS)
    alike = date.fromordinal(rest + 1)
    year = alike.year + cycles * _CYCLE_YEARS
    if 0 <= year <= 9999:
        return f"{year:04d}-{alike:%m-%d}"
    return f"{'-' if year < 0 else '+'}{abs(year):04d}-{alike:%m-%d}"


def timestamp_from_micros(micros: int) -> str:
    """`2023-03-23T14:30:05.123456Z`."""
    if _FIRST <= micros <= _LAST:
        return (_EPOCH + timedelta(microseconds=micros)).isoformat() + "Z"
    if micros in _INFINITE_MICROS:
        return _INFINITE_MICROS[micros]
    days, rest = divmod(micros, DAY)
    return f"{date_from_days(days)}T{_clock(rest)}Z"


def timestamp_from_millis(millis: int) -> str:
    return _INFINITE_MILLIS.get(millis) or timestamp_from_micros(millis * 1000)


def timestamp_from_nanos(nanos: int) -> str:
    return _INFINITE_NANOS.get(nanos) or timestamp_from_micros(nanos // 1000)


def time_from_micros(micros: int) -> str:
    """`10:13:23.5`'s kind: a time of day, or MySQL's TIME, which may be negative or beyond 24 hours."""
    return f"-{_clock(-micros)}" if micros < 0 else _clock(micros)


def time_from_millis(millis: int) -> str:
    return time_from_micros(millis * 1000)


def time_from_nanos(nanos: int) -> str:
    return time_from_micros(-(-nanos // 1000) if nanos < 0 else nanos // 1000)


def duration_from_micros(micros: int) -> str:
    """ISO 8601 in hours, minutes and seconds: `PT26H3M4.5S`. Months were averaged by the connector."""
    sign, rest = ("-", -micros) if micros < 0 else ("", micros)
    seconds, fraction = divmod(rest, 1_000_000)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    text = f"{hours}H" if hours else ""
    text += f"{minute}M" if minute else ""
    if second or fraction or not text:
        text += f"{second}.{fraction:06d}".rstrip("0").rstrip(".") + "S" if fraction else f"{second}S"
    return f"{sign}PT{text}"


def duration_from_nanos(nanos: int) -> str:
    return duration_from_micros(-(-nanos // 1000) if nanos < 0 else nanos // 1000)


def timestamp_with_zone(text: str) -> str:
    """The same moment in UTC; text that Python's calendar does not hold, or without an offset, as it is."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            return text
        return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
    except (ValueError, OverflowError):
        return text


def without_zone(text: str) -> str:
    """ISO dates and times of columns that have no zone, without the Z that the connector appends."""
    return text.removesuffix("Z")


def _clock(micros: int) -> str:
    seconds, fraction = divmod(micros, 1_000_000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    text = f"{hour:02d}:{minute:02d}:{second:02d}"
    return f"{text}.{fraction:06d}" if fraction else text
