"""The packed record keeps what it is given, and refuses what cannot be of one chain."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ContractError
from streams import packing

INT64 = st.integers(-(2**63), 2**63 - 1)


@st.composite
def records(draw: st.DrawFn) -> dict[str, object]:
    prev = draw(st.integers(-1, 2**62))
    offsets = sorted(draw(st.sets(st.integers(prev + 1, prev + 10_000), max_size=40)))
    first = draw(st.integers(prev + 1, offsets[0])) if offsets else prev + 1
    through = draw(st.integers(offsets[-1] if offsets else first, prev + 20_000))
    n = len(offsets)
    return {
        "topic_id": draw(st.text(max_size=22)),
        "prev": prev,
        "first": first,
        "through": through,
        "ingest_timestamp": draw(INT64),
        "offsets": offsets,
        "source_timestamps_ms": draw(st.lists(INT64, min_size=n, max_size=n)),
        "source_systems": draw(st.lists(st.sampled_from(["a", "", "ü"]), min_size=n, max_size=n)),
        "payload": b"".join(b'{"n":%d}\n' % offset for offset in offsets),
    }


@given(records())
def test_a_record_comes_back_as_it_went(fields: dict[str, object]) -> None:
    record = packing.decode(packing.encode(**fields))
    for name in ("topic_id", "prev", "first", "through", "ingest_timestamp", "payload"):
        assert getattr(record, name) == fields[name]
    assert list(record.offsets) == fields["offsets"]
    assert list(record.source_timestamps_ms) == fields["source_timestamps_ms"]
    assert record.source_system == fields["source_systems"]
    assert record.n == len(record.offsets)


@given(records(), st.integers(-1, 2**62))
def test_since_counts_the_events_already_known(fields: dict[str, object], height: int) -> None:
    record = packing.decode(packing.encode(**fields))
    offsets = list(record.offsets)
    assert [*offsets[record.since(height) :]] == [offset for offset in offsets if offset > height]


@given(records())
def test_the_payload_is_aligned(fields: dict[str, object]) -> None:
    data = packing.encode(**fields)
    payload = packing.decode(data).payload
    assert (len(data) - len(payload)) % packing.ALIGNMENT == 0


@pytest.mark.parametrize(
    "change",
    [
        {"prev": 4},
        {"first": 11},
        {"through": 9},
        {"offsets": [10]},
        {"source_systems": ["a"]},
        {"offsets": [3, 10]},
    ],
    ids=str,
)
def test_what_is_no_chain_is_refused(change: dict[str, object]) -> None:
    good = {
        "topic_id": "T",
        "prev": 3,
        "first": 4,
        "through": 10,
        "ingest_timestamp": 1,
        "offsets": [4, 10],
        "source_timestamps_ms": [1, 2],
        "source_systems": ["a", "a"],
        "payload": b"{}\n{}\n",
    }
    packing.encode(**good)
    with pytest.raises(ValueError, match=r"fit|chain"):
        packing.encode(**{**good, **change})


@given(st.binary(max_size=80))
def test_bytes_that_are_no_record_are_a_contract_error(data: bytes) -> None:
    with pytest.raises(ContractError):
        packing.decode(data)


def test_a_newer_version_says_so() -> None:
    with pytest.raises(ContractError, match="version 9"):
        packing.decode(b"\x09" + msgspec.msgpack.encode([]))
