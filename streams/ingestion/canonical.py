"""The form in which valid events travel on, and the fast proof that an event is valid.

Matching the contract's regular expressions costs more than all the rest of decoding, so the fast path decodes
into *loose* structs without them and then proves validity by cheaper, **sufficient** conditions (printable
ids, values seen valid before, times in range). What it cannot prove goes to ``lenient``, the only judge of
what is refused, which checks the contract's own structs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Meta, Raw, Struct

from contracts.events import EventId, UserId
from contracts.sources import Source
from streams.payload import payload_schema

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
REMEMBERED = frozenset({"event_type", "country"})
"""Fields of few values that have a pattern; what was once found valid need not be matched again."""
KNOWN_VALUES = 4096
"""Most values of one field that are remembered as valid; beyond it events take the slow path."""
NULL = Raw(b"null")
_astuple = msgspec.structs.astuple
_to_lines = msgspec.json.Encoder().encode_lines
_PLAIN_TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$"
"""What Arrow reads exactly as the contract does, if it reads it at all."""
_cut = re.compile(r"(\.\d{6})\d+", re.ASCII).sub
_MICROSECONDS = pa.timestamp("us", "UTC")
_is_email_hash = re.compile(r"[0-9a-f]{64}").fullmatch

Column = Sequence[Any] | np.ndarray[Any, np.dtype[np.int64]]
Settle = Callable[[list[Any], int], list[Column] | None]


class Form(Struct, frozen=True, kw_only=True):
    """How events of one source are decoded and settled."""

    source: Source
    loose: type[Any]
    """Struct of a decoded event: the contract's fields without patterns, and the overflow field; times are
    texts and objects raw JSON."""
    names: tuple[str, ...]
    """Its fields, in order: the canonical columns."""
    settle: Settle
    """The columns of these decoded events, by ``names``, times in microseconds and objects as JSON text; None
    where not all of them are certainly valid. Takes the latest time that is accepted, microseconds. Raises
    what msgspec raises where an object cannot be read."""
    learn: Callable[[Any], None]
    """Remembers the low-cardinality values of an event that ``lenient`` has found valid."""
    fields: tuple[str, ...]
    """The fields that the contract knows."""
    times: tuple[str, ...]
    """Those of them that are timestamps."""


def canonical_columns(source: Source) -> list[str]:
    """Names of a canonical event's fields: the landing columns that are the source's own."""
    return list(payload_schema(source).names)


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

    loose = _loose(source, hints, times, objects)
    return Form(
        source=source,
        loose=loose,
        names=loose.__struct_fields__,
        settle=_settlement(source, loose.__struct_fields__, hints, known, times, objects),
        learn=learn,
        fields=tuple(hints),
        times=times,
    )


def _settlement(
    source: Source,
    names: tuple[str, ...],
    hints: dict[str, Any],
    known: dict[str, set[Any]],
    times: tuple[str, ...],
    objects: tuple[str, ...],
) -> Settle:
    """Every test and change is of a whole column: a loop in C for each, and hardly one in Python."""
    place = {name: index for index, name in enumerate(names)}
    remembered = [(place[name], values) for name, values in known.items()]
    moments = [(place[name], _moments(hints[name])) for name in times]
    texts = [(place[name], _texts(hints[name])) for name in objects]
    ids = place.get(source.id_field)
    users = place.get("user_id")
    hashes = place.get("email_sha256")
    others = [(place[name], matches) for name, matches in _patterns(source, hints)]

    def settle(events: list[Any], latest: int) -> list[Column] | None:
        columns: list[Any] = list(zip(*map(_astuple, events), strict=True))
        if not (
            all(values.issuperset(columns[index]) for index, values in remembered)
            and (ids is None or "".join(columns[ids]).isprintable())
            and (users is None or not any(map(str.isspace, columns[users])))
            and (hashes is None or all(_is_email_hash(text) for text in columns[hashes] if text))
            and all(matches(text) for index, matches in others for text in columns[index] if text is not None)
        ):
            return None
        for index, parse in moments:
            columns[index] = parse(columns[index])
            earliest, newest = _range(columns[index])
            if not 0 <= earliest <= newest <= latest:
                return None
        for index, text in texts:
            columns[index] = text(columns[index])
        return columns

    return settle


def _patterns(source: Source, hints: dict[str, Any]) -> Iterator[tuple[str, Callable[[str], Any]]]:
    """The fields whose pattern is not held by a test of the whole column, and what matches it."""
    held = {source.id_field: EventId, "user_id": UserId}
    for name, hint in hints.items():
        pattern = _pattern_of(hint)
        if pattern and name not in REMEMBERED and name != "email_sha256" and held.get(name) != hint:
            yield name, re.compile(pattern).search


def _pattern_of(hint: Any) -> str | None:
    if get_origin(hint) is Annotated:
        return next(
            (meta.pattern for meta in get_args(hint)[1:] if isinstance(meta, Meta) and meta.pattern), None
        )
    return next(filter(None, map(_pattern_of, get_args(hint))), None)


def _range(times: Column) -> tuple[int, int]:
    """The least and the greatest of the times that are there; zeros where none is."""
    if isinstance(times, np.ndarray):
        return int(times.min()), int(times.max())
    present = [at for at in times if at is not None]
    return (min(present), max(present)) if present else (0, 0)


def _moments(hint: Any) -> Callable[[Sequence[str | None]], Column]:
    """From the texts of a time to microseconds since 1970, fractions cut. Raises what msgspec and Arrow raise
    for a text that is no time of the contract."""
    times: Any = list[hint]

    def moments(texts: Sequence[str | None]) -> Column:
        column = pa.array(texts, pa.string())
        if pc.all(pc.match_substring_regex(column, _PLAIN_TIME)).as_py():
            numbers = column.cast(_MICROSECONDS).cast(pa.int64())
            settled: Column = numbers.to_pylist() if numbers.null_count else numbers.to_numpy()
            return settled
        cut = [None if text is None else _cut(r"\1", text) for text in texts]
        return [None if at is None else (at - EPOCH) // MICROSECOND for at in msgspec.convert(cut, times)]

    return moments


def _texts(hint: Any) -> Callable[[Sequence[Raw]], Column]:
    """From the bytes of objects to their canonical texts, all at once."""
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(list[hint]).decode

    def texts(objects: Sequence[Raw]) -> Column:
        lines = _to_lines(decode(b"[" + b",".join(objects) + b"]")).decode().split("\n")
        lines.pop()
        return [None if line == "null" else line for line in lines] if "null" in lines else lines

    return texts


def _loose(
    source: Source, hints: dict[str, Any], times: tuple[str, ...], objects: tuple[str, ...]
) -> type[Any]:
    fields: list[Any] = []
    for field in msgspec.structs.fields(source.event):
        if field.name in objects:
            fields.append((field.name, Raw, NULL))
            continue
        loose = _without_patterns(hints[field.name])
        if field.name in times:
            loose = str if field.required else str | None
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
                if meta.min_length is None and meta.max_length is None:
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
