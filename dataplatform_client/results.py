"""Rows of queries, and what is known of them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec
from msgspec import Struct

from dataplatform_client import frames
from dataplatform_client.catalog import ResultColumn
from dataplatform_client.errors import Truncated, TruncatedWarning

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

T = TypeVar("T")
OnTruncated = Literal["warn", "raise", "ignore"]
"""What happens where an answer is not all of the rows."""


class Rows(Struct, kw_only=True):
    """An answer as JSON has it: integers keep every digit; times, decimals, NaN, the infinities are text."""

    columns: list[ResultColumn]
    rows: list[list[Any]]
    row_count: int
    truncated: bool
    """Whether there are more rows."""
    elapsed_ms: float
    versions: dict[str, int | None]
    """Delta version that each table was read at."""

    def dicts(self) -> list[dict[str, Any]]:
        """Each row by its columns' names."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]

    def to(self, kind: type[T]) -> list[T]:
        """Each row as a struct, dataclass or TypedDict of yours. Raises msgspec.ValidationError.

        >>> class Segment(msgspec.Struct):
        ...     segment: str
        ...     users: int
        >>> platform.query_rows(
        ...     "SELECT segment, count(*) AS users FROM user_segments_gold GROUP BY segment"
        ... ).to(Segment)
        """
        return msgspec.convert(self.dicts(), list[kind], strict=False)  # type: ignore[valid-type]


class ArrowResult(Struct, frozen=True, kw_only=True):
    """An answer as an Arrow table, with what was said of it."""

    table: pa.Table
    truncated: bool
    """Whether there are more rows."""
    versions: dict[str, int | None]
    """Delta version that each table was read at; `as_of` and a later query see the same again."""
    cached: bool
    """Whether the server had the answer from an equal question."""
    request_id: str

    @property
    def row_count(self) -> int:
        return int(self.table.num_rows)

    def polars(self) -> pl.DataFrame:
        """As a Polars data frame."""
        return frames.polars(self.table)

    def pandas(self) -> pd.DataFrame:
        """As a pandas data frame."""
        return frames.pandas(self.table)


def tell_truncated(answer: Rows | ArrowResult, limit: int | None, how: OnTruncated) -> None:
    """Warns or raises where rows are missing that were not left out by the caller's own ``limit``.

    For methods that callers call: the warning names the line that called one.
    """
    if how == "ignore" or not answer.truncated or answer.row_count == limit:
        return
    text = (
        f"there are more rows than the {answer.row_count:,} that were answered: aggregate or filter in SQL, "
        "or read on after the last key (docs/api.md, Many rows)"
    )
    if how == "raise":
        raise Truncated(text)
    warnings.warn(text, TruncatedWarning, stacklevel=3)
