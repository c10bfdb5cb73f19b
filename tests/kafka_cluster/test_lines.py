"""Files lose no line, whatever ends their lines and wherever blocks are cut."""

from __future__ import annotations

import gzip
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafka_cluster.lines import blocks_of_lines, plain


def lines_of(data: bytes, block: int = 7) -> list[bytes]:
    return [
        line for lines in blocks_of_lines(plain(io.BufferedReader(io.BytesIO(data))), block) for line in lines
    ]


@given(
    st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line and not line.endswith(b"\r"))),
    st.sampled_from([b"\n", b"\r\n"]),
    st.booleans(),
    st.integers(1, 30),
)
def test_lines_come_back_as_they_went(lines: list[bytes], end: bytes, closed: bool, block: int) -> None:
    lines = [b"x" + line for line in lines]  # so that no file begins with a mark
    data = end.join(lines) + (end if closed and lines else b"")
    found = [line for line in lines_of(data, block) if line]
    assert found == lines


@pytest.mark.parametrize("data", [b"\xef\xbb\xbfa\r\nb", b"a\nb\n", b"a\r\nb\r\n"])
def test_marks_and_line_ends(data: bytes) -> None:
    assert [line for line in lines_of(data) if line] == [b"a", b"b"]
    assert [line for line in lines_of(gzip.compress(data)) if line] == [b"a", b"b"]


def test_several_gzip_members_are_one_file() -> None:
    assert lines_of(gzip.compress(b"a\n") + gzip.compress(b"b\n"), 1000) == [b"a", b"b"]


def test_no_line_in_no_file() -> None:
    assert lines_of(b"") == []
