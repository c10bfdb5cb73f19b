"""The form in which valid events travel on, and the fast proof that an event is valid.

Matching the contract's regular expressions costs more than all the rest of decoding, so the fast path decodes
into *loose* structs without them and then proves validity by cheaper, **sufficient** conditions (printable
ids, values seen valid before, times in range). What it cannot prove goes to ``lenient``, the only judge of
what is refused, which checks the contract's own structs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from contracts.landing import LANDING, SOURCE_POSITION
from contracts.sources import APP_EVENTS, CDC_CHANGES, CLICKSTREAM, EXTERNAL_DATA, USERS, Source

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
KNOWN_VALUES = 4096
"""Most values of one field that are remembered as valid; beyond it events take the slow path."""
_to_json = msgspec.json.Encoder().encode
_is_email_hash = re.compile(r"[0-9a-f]{64}").fullmatch

Settle = Callable[[Any, int], bool]


class Form(Struct, frozen=True, kw_only=True):
    """How events of one source are decoded and settled."""

    source: Source
    loose: type[Any]
    """Struct of the canonical event: the contract's fields without patterns, and the overflow field."""
    settle: Settle
    """Turns a loose event's times into microseconds and its objects into JSON text, in place. Takes the
    latest time that is accepted, microseconds. False: not proven valid, the event must not be used."""
    learn: Callable[[Any], None]
    """Remembers the low-cardinality values of an event that ``lenient`` has found valid."""
    fields: tuple[str, ...]
    """The fields that the contract knows."""
    times: tuple[str, ...]
    """Those of them that are timestamps."""


def canonical_columns(source: Source) -> list[str]:
    """Names of a canonical event's fields: the landing columns that are the source's own."""
    ours = {field.name for field in SOURCE_POSITION} | {"ingest_timestamp", "source_system", "is_late"}
    return [name for name in LANDING[source.name].names if name not in ours]


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 UTC of an aware datetime, in whole numbers: a float would lose some."""
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def form_of(source: Source) -> Form:
    """A fresh form of a source that has events of its own struct (all but change events)."""
    return _MAKERS[source.name]()


def _app_events() -> Form:
    types: set[str] = set()
    countries: set[str | None] = {None}

    def settle(event: Any, latest: int) -> bool:
        at = microseconds(event.event_timestamp)
        if not (
            0 <= at <= latest
            and event.event_type in types
            and event.country in countries
            and event.event_id.isprintable()
            and not event.user_id.isspace()
        ):
            return False
        event.event_timestamp = at
        if event.properties is not None:
            event.properties = _to_json(event.properties).decode()
        return True

    def learn(event: Any) -> None:
        _remember(types, event.event_type)
        _remember(countries, event.country)

    return _form(APP_EVENTS, settle, learn)


def _clickstream() -> Form:
    def settle(event: Any, latest: int) -> bool:
        at = microseconds(event.click_timestamp)
        if not (0 <= at <= latest and event.click_id.isprintable() and not event.user_id.isspace()):
            return False
        event.click_timestamp = at
        if event.properties is not None:
            event.properties = _to_json(event.properties).decode()
        return True

    return _form(CLICKSTREAM, settle, _nothing)


def _users() -> Form:
    countries: set[str | None] = {None}

    def settle(event: Any, latest: int) -> bool:
        at = microseconds(event.updated_at)
        if not (
            0 <= at <= latest
            and event.country in countries
            and not event.user_id.isspace()
            and (event.email_sha256 is None or _is_email_hash(event.email_sha256))
        ):
            return False
        event.updated_at = at
        if event.signup_timestamp is not None:
            signup = microseconds(event.signup_timestamp)
            if not 0 <= signup <= latest:
                return False
            event.signup_timestamp = signup
        return True

    def learn(event: Any) -> None:
        _remember(countries, event.country)

    return _form(USERS, settle, learn)


def _external_data() -> Form:
    def settle(event: Any, latest: int) -> bool:
        at = microseconds(event.observed_at)
        if not (0 <= at <= latest and event.record_id.isprintable()):
            return False
        event.observed_at = at
        if event.dimensions is not None:
            event.dimensions = _to_json(event.dimensions).decode()
        return True

    return _form(EXTERNAL_DATA, settle, _nothing)


_MAKERS: dict[str, Callable[[], Form]] = {
    APP_EVENTS.name: _app_events,
    CLICKSTREAM.name: _clickstream,
    USERS.name: _users,
    EXTERNAL_DATA.name: _external_data,
}
assert CDC_CHANGES.name not in _MAKERS


def _form(source: Source, settle: Settle, learn: Callable[[Any], None]) -> Form:
    hints = get_type_hints(source.event, include_extras=True)
    fields: list[Any] = []
    for field in msgspec.structs.fields(source.event):
        loose = _without_patterns(hints[field.name])
        fields.append((field.name, loose) if field.required else (field.name, loose, field.default))
    if source.overflow_field not in hints:
        # Only ever null when decoded: what a producer calls by this name is an unknown field like others.
        fields.append((source.overflow_field, None, None))
    struct = msgspec.defstruct(
        f"Loose{source.event.__name__}", fields, kw_only=True, forbid_unknown_fields=True, gc=False
    )
    times = tuple(name for name, hint in hints.items() if _mentions(hint, datetime))
    return Form(source=source, loose=struct, settle=settle, learn=learn, fields=tuple(hints), times=times)


def _without_patterns(hint: Any) -> Any:
    if get_origin(hint) is Annotated:
        base, *metas = get_args(hint)
        for meta in metas:
            if isinstance(meta, Meta) and meta.pattern is not None:
                if meta.max_length is None:
                    return base
                return Annotated[base, Meta(min_length=meta.min_length, max_length=meta.max_length)]
        return hint
    members = [_without_patterns(member) for member in get_args(hint)]
    if type(None) in members:
        union = members[0]
        for member in members[1:]:
            union = union | member
        return union
    return hint


def _mentions(hint: Any, wanted: type) -> bool:
    return hint is wanted or any(_mentions(member, wanted) for member in get_args(hint))


def _remember(values: set[Any], value: Any) -> None:
    if len(values) < KNOWN_VALUES:
        values.add(value)


def _nothing(event: Any) -> None:
    """Learns nothing."""
