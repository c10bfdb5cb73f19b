"""The form in which valid events travel on, and the fast proof that an event is valid.

Matching the contract's regular expressions costs more than all the rest of decoding, so the fast path decodes
into *loose* structs without them and then proves validity by cheaper, **sufficient** conditions (printable
ids, values seen valid before, times in range). What it cannot prove goes to ``lenient``, the only judge of
what is refused, which checks the contract's own structs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Raw, Struct

from contracts.landing import LANDING, SOURCE_POSITION
from contracts.sources import Source

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
REMEMBERED = frozenset({"event_type", "country"})
"""Fields of few values that have a pattern; what was once found valid need not be matched again."""
KNOWN_VALUES = 4096
"""Most values of one field that are remembered as valid; beyond it events take the slow path."""
REMEMBERED_BYTES = 256
"""Objects up to this length are remembered with their canonical text."""
NULL = Raw(b"null")
_to_json = msgspec.json.Encoder().encode
_is_email_hash = re.compile(r"[0-9a-f]{64}").fullmatch

Prove = Callable[[list[Any], int], bool]


class Form(Struct, frozen=True, kw_only=True):
    """How events of one source are decoded and settled."""

    source: Source
    loose: type[Any]
    """Struct of the canonical event: the contract's fields without patterns, and the overflow field. Decoding
    leaves its times as datetimes and its objects as raw JSON, until ``settle``."""
    prove: Prove
    """Whether all these decoded events are certainly valid, given the latest time that is accepted,
    microseconds. False: at least one is not proven."""
    settle: Callable[[list[Any]], None]
    """Turns the times of proven events into microseconds and their objects into JSON text, in place. Raises
    what msgspec raises where an object cannot be read; then all events must be decoded anew."""
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
    hints = get_type_hints(source.event, include_extras=True)
    times = tuple(name for name, hint in hints.items() if _mentions(hint, datetime))
    objects = tuple(name for name, hint in hints.items() if _is_object(hint))
    known: dict[str, set[Any]] = {name: {None} for name in hints if name in REMEMBERED}

    def learn(event: Any) -> None:
        for name, values in known.items():
            if len(values) < KNOWN_VALUES:
                values.add(getattr(event, name))

    return Form(
        source=source,
        loose=_loose(source, hints, objects),
        prove=_proof(source, known, times),
        settle=_settlement(hints, times, objects),
        learn=learn,
        fields=tuple(hints),
        times=times,
    )


def _proof(source: Source, known: dict[str, set[Any]], times: tuple[str, ...]) -> Prove:
    """Every test is of a whole column: a loop in C for each, and none in Python."""
    fields = get_type_hints(source.event)
    columns = [(attrgetter(name), values) for name, values in known.items()]
    moments = [attrgetter(name) for name in times]
    ids = attrgetter(source.id_field) if source.id_field else None
    users = attrgetter("user_id") if "user_id" in fields else None
    hashes = attrgetter("email_sha256") if "email_sha256" in fields else None

    def prove(events: list[Any], latest: int) -> bool:
        last = EPOCH + MICROSECOND * latest
        for moment in moments:
            found = [at for at in map(moment, events) if at is not None]
            if found and not EPOCH <= min(found) <= max(found) <= last:
                return False
        return (
            all(values.issuperset(map(column, events)) for column, values in columns)
            and (ids is None or "".join(map(ids, events)).isprintable())
            and (users is None or not any(map(str.isspace, map(users, events))))
            and (hashes is None or all(_is_email_hash(text) for text in map(hashes, events) if text))
        )

    return prove


def _settlement(
    hints: dict[str, Any], times: tuple[str, ...], objects: tuple[str, ...]
) -> Callable[[list[Any]], None]:
    texts = {name: _texts(hints[name]) for name in objects}

    def settle(events: list[Any]) -> None:
        for name, text in texts.items():
            for event in events:
                setattr(event, name, text(getattr(event, name)))
        for name in times:
            for event in events:
                at = getattr(event, name)
                if at is not None:
                    setattr(event, name, (at - EPOCH) // MICROSECOND)

    return settle


def _texts(hint: Any) -> Callable[[Raw], str | None]:
    """From an object's bytes to its canonical text; equal bytes, which are frequent, are read once."""
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(hint).decode
    remembered: dict[bytes, str | None] = {b"null": None}

    def text(raw: Raw) -> str | None:
        content = bytes(raw)
        try:
            return remembered[content]
        except KeyError:
            found = _to_json(decode(content)).decode()
        if len(content) <= REMEMBERED_BYTES:
            if len(remembered) >= KNOWN_VALUES:
                remembered.clear()
                remembered[b"null"] = None
            remembered[content] = found
        return found

    return text


def _loose(source: Source, hints: dict[str, Any], objects: tuple[str, ...]) -> type[Any]:
    fields: list[Any] = []
    for field in msgspec.structs.fields(source.event):
        if field.name in objects:
            fields.append((field.name, Raw, NULL))
            continue
        loose = _without_patterns(hints[field.name])
        fields.append((field.name, loose) if field.required else (field.name, loose, field.default))
    if source.overflow_field not in hints:
        # Only ever null when decoded: what a producer calls by this name is an unknown field like others.
        fields.append((source.overflow_field, None, None))
    return msgspec.defstruct(
        f"Loose{source.event.__name__}", fields, kw_only=True, forbid_unknown_fields=True, gc=False
    )


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


def _is_object(hint: Any) -> bool:
    return get_origin(hint) is dict or any(get_origin(member) is dict for member in get_args(hint))
