"""Sessions of one source partition: clicks of a user with no gap over the limit and one session_id.

The rule, said once (`clickstream_silver` has the same): a user's clicks in the order of time, then session_id
(none first), then source offset; a click begins a session where it is the user's first, comes more than the
gap after the one before (exactly the gap is still the same session), or has another session_id than that one
(none is a value of its own). So sessions of a user never overlap, and (user, session_id, start) names one.
Its key is the MD5, in hex, of `start:length of user:user[:session_id]`, start in microseconds since 1970 UTC,
which SQL can build as well; a late fragment's text ends in `:late:partition:revision`.

A click is late once its own gap and the grace have passed, so clicks that are not late are newer than the
horizon less the gap. What is older can never be split or joined in the middle: of it a session keeps sums and
its first pages only (its *head*). Newer clicks are kept one by one (its *tail*), since a click out of order
may split the session or bridge two. Texts are categoricals of a pool of our own, four bytes each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from hashlib import md5
from io import BytesIO

import polars as pl

from contracts.errors import ContractError
from contracts.landing import CLICKSTREAM_SESSIONS
from streams.buckets import BUCKETS, buckets_of
from streams.frames import TIMESTAMP
from streams.watermark import LateRule

MAX_PAGES = 1_000
"""Pages of a session's sequence; the counts go on."""
POOL_CHECK_ROWS = 1_000_000
"""After so many clicks the pool of texts is looked at: it is made anew when half of it is no longer used."""
_NEVER = -(2**62)
_md5 = partial(md5, usedforsecurity=False)
_KEY = ["user_id", "session_id", "start"]
_TAIL = ["time", "offset", "page", "is_view", "referrer_url", "device_type"]
_COLUMNS = CLICKSTREAM_SESSIONS.names
_VIEW_TYPES = dict(pl.Schema(CLICKSTREAM_SESSIONS))


class SessionState:
    """Open sessions of one source partition; implements ``streams.views.ViewState``.

    A session is shown as final when its end, gap and grace have passed; it stays, as a click that is not late
    may still reach it, and leaves when another gap has passed. A key that no longer names a session (it was
    bridged, or begins elsewhere) is taken back by a row without clicks.
    """

    def __init__(self, partition: int, rule: LateRule) -> None:
        self._partition = partition
        self._rule = rule
        self._frozen = _NEVER
        """No click at or before it comes any more."""
        self._late: list[pl.DataFrame] = []
        self._begin_pool()
        self._open = pl.DataFrame(schema=self._types)
        self._gone = [self._open.select(_KEY)]

    def __len__(self) -> int:
        return self._open.height

    def absorb(self, rows: pl.DataFrame) -> None:
        if rows.height == 0:
            return
        self._tidy_pool(rows.height)
        clicks = self._clicks(rows)
        is_reached = _reached(self._open, clicks)
        known, others = self._open.filter(is_reached), self._open.filter(~is_reached)
        fresh = self._sessions(pl.concat([self._flat(known), clicks]), self._frozen)
        before = known.select(*_KEY, "is_changed", "is_shown", was_end="end", was_count="click_count")
        same = (pl.col("was_end") == pl.col("end")) & (pl.col("was_count") == pl.col("click_count"))
        fresh = fresh.join(before, on=_KEY, how="left", nulls_equal=True).with_columns(
            is_changed=(pl.col("is_changed") | ~same).fill_null(value=True),
            is_shown=(pl.col("is_shown") & same).fill_null(value=False),
        )
        if fresh["was_end"].count() < known.height:
            self._gone.append(known.select(_KEY).join(fresh, on=_KEY, how="anti", nulls_equal=True))
        self._open = pl.concat([others, fresh.select(self._types.keys())])

    def absorb_late(self, rows: pl.DataFrame, revision: int) -> None:
        if rows.height == 0:
            return
        fragments = self._sessions(self._clicks(rows), _NEVER)
        self._late.append(self._view_rows(fragments, revision, is_final=pl.lit(True), is_late=True))

    def emit(self, revision: int, watermark: int | None) -> pl.DataFrame:
        horizon = self._rule.horizon(watermark)
        horizon = _NEVER if horizon is None else horizon
        ended = pl.col("end") + self._rule.window <= horizon
        shown = self._open.filter("is_changed" | (ended & ~pl.col("is_shown")))
        parts = [
            *self._late,
            self._taken_back(revision),
            self._view_rows(shown, revision, is_final=ended, is_late=False),
        ]
        self._late, self._gone = [], self._gone[:1]
        self._frozen = max(self._frozen, horizon - self._rule.window)
        self._open = self._open.filter(pl.col("end") + self._rule.window > self._frozen).with_columns(
            is_changed=pl.lit(False), is_shown=pl.col("is_shown") | ended
        )
        return pl.concat(parts)

    def emit_idle(self, revision: int, closed_before: int) -> pl.DataFrame:
        ended = (pl.col("end") + self._rule.window <= closed_before) & ~pl.col("is_shown")
        rows = self._view_rows(self._open.filter(ended), revision, is_final=pl.lit(True), is_late=False)
        self._open = self._open.with_columns(is_shown=pl.col("is_shown") | ended)
        return rows

    def snapshot(self) -> Iterator[tuple[int, bytes]]:
        users = self._open["user_id"].cast(pl.String)
        parts = self._open.with_columns(bucket=buckets_of(users)).partition_by(
            "bucket", include_key=False, as_dict=True
        )
        plain = _plain(self._types)
        for bucket in range(BUCKETS):
            part = parts.get((bucket,))
            if part is None:
                yield bucket, b""
                continue
            content = BytesIO()
            # Made plain here and not before: parts of one frame of texts share, and would write, all of them.
            part.cast(plain).write_ipc_stream(content, compression="zstd")
            yield bucket, content.getvalue()

    def restore(self, bucket: int, content: bytes) -> None:
        if not content:
            return
        try:
            state = pl.read_ipc_stream(BytesIO(content)).select(
                pl.col(name).cast(kind) for name, kind in self._types.items()
            )
        except pl.exceptions.PolarsError as error:
            raise ContractError(f"bucket {bucket} of partition {self._partition}: {error}") from error
        self._open = pl.concat([self._open, state])

    def _begin_pool(self) -> None:
        text = pl.Categorical(pl.Categories.random())
        self._absorbed = 0
        self._pool = text
        self._types: Mapping[str, pl.DataType] = {
            "user_id": text,
            "session_id": text,
            "start": pl.Int64(),
            "end": pl.Int64(),
            "click_count": pl.Int64(),
            "page_count": pl.Int64(),
            "entry_page": text,
            "exit_page": text,
            "referrer_url": text,
            "device_type": text,
            "head_end": pl.Int64(),
            "head_exit": text,
            "head_path": pl.List(text),
            "tail_time": pl.List(pl.Int64()),
            "tail_offset": pl.List(pl.Int64()),
            "tail_page": pl.List(text),
            "tail_is_view": pl.List(pl.Boolean()),
            "tail_referrer_url": pl.List(text),
            "tail_device_type": pl.List(text),
            "is_changed": pl.Boolean(),
            "is_shown": pl.Boolean(),
        }

    def _tidy_pool(self, rows: int) -> None:
        """Begins a new pool now and then, as texts of sessions that have left stay in the old one."""
        self._absorbed += rows
        if self._absorbed < POOL_CHECK_ROWS:
            return
        plain = self._open.cast(_plain(self._types))
        gone = [frame.cast({"user_id": pl.String(), "session_id": pl.String()}) for frame in self._gone]
        self._begin_pool()
        self._open = plain.cast(pl.Schema(self._types))
        self._gone = [frame.cast({"user_id": self._pool, "session_id": self._pool}) for frame in gone]
        self._absorbed = rows

    def _clicks(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Landing rows as the flat form that sessions are built from."""
        page = pl.col("page_url").cast(self._pool)
        view = pl.col("action") == "page_view"
        time = pl.col(self._rule.time_field).dt.epoch("us")
        return rows.select(
            pl.col("user_id").cast(self._pool),
            pl.col("session_id").cast(self._pool),
            time=time,
            offset=pl.col("source_offset"),
            end=time,
            page=page,
            exit=page,
            is_view=view,
            referrer_url=pl.col("referrer_url").cast(self._pool),
            device_type=pl.col("device_type").cast(self._pool),
            clicks=pl.lit(1, dtype=pl.Int64),
            views=view.cast(pl.Int64),
            is_head=pl.lit(False),
            path=pl.lit(None, dtype=pl.List(self._pool)),
        )

    def _flat(self, sessions: pl.DataFrame) -> pl.DataFrame:
        """Sessions taken apart: a row for each head and each click of a tail, in the form of ``_clicks``."""
        tails = (
            sessions.select("user_id", "session_id", *(f"tail_{name}" for name in _TAIL))
            .filter(pl.col("tail_time").list.len() > 0)
            .explode([f"tail_{name}" for name in _TAIL])
            .rename({f"tail_{name}": name for name in _TAIL})
            .with_columns(
                end=pl.col("time"),
                exit=pl.col("page"),
                clicks=pl.lit(1, dtype=pl.Int64),
                views=pl.col("is_view").cast(pl.Int64),
                is_head=pl.lit(False),
                path=pl.lit(None, dtype=pl.List(self._pool)),
            )
        )
        heads = sessions.filter(pl.col("head_end").is_not_null()).select(
            "user_id",
            "session_id",
            time=pl.col("start"),
            offset=pl.lit(-1, dtype=pl.Int64),
            end=pl.col("head_end"),
            page=pl.col("entry_page"),
            exit=pl.col("head_exit"),
            is_view=pl.lit(False),
            referrer_url=pl.col("referrer_url"),
            device_type=pl.col("device_type"),
            clicks=pl.col("click_count") - pl.col("tail_time").list.len(),
            views=pl.col("page_count") - pl.col("tail_is_view").list.sum().cast(pl.Int64),
            is_head=pl.lit(True),
            path=pl.col("head_path"),
        )
        return pl.concat([heads, tails.select(heads.columns)])

    def _sessions(self, flat: pl.DataFrame, frozen: int) -> pl.DataFrame:
        """Sessions of all these clicks and heads; clicks at or before ``frozen`` go to the heads."""
        flat = _numbered(flat, self._rule.window)
        by = pl.col("session")
        sums = flat.group_by(by, maintain_order=True).agg(
            pl.col("user_id").first(),
            pl.col("session_id").first(),
            pl.col("time").first().alias("start"),
            pl.col("end").last(),
            pl.col("clicks").sum().alias("click_count"),
            pl.col("views").sum().alias("page_count"),
            pl.col("page").first().alias("entry_page"),
            pl.col("exit").last().alias("exit_page"),
            pl.col("referrer_url").first(),
            pl.col("device_type").first(),
            pl.col("path").first(),
        )
        is_old = pl.col("is_head") | (pl.col("time") <= frozen)
        tails = (
            flat.filter(~is_old)
            .group_by(by, maintain_order=True)
            .agg(pl.col(name).alias(f"tail_{name}") for name in _TAIL)
        )
        old = flat.filter(is_old)
        heads = old.group_by(by, maintain_order=True).agg(
            pl.col("end").last().alias("head_end"), pl.col("exit").last().alias("head_exit")
        )
        frozen_pages = old.filter("is_view").group_by(by, maintain_order=True).agg(pl.col("page"))
        joined = sums
        for part in (heads, frozen_pages, tails):
            joined = _beside(joined, part)
        return joined.with_columns(
            head_path=_concat("path", "page"), is_changed=pl.lit(True), is_shown=pl.lit(False)
        ).select(
            pl.col(name).fill_null([]) if isinstance(kind, pl.List) else pl.col(name)
            for name, kind in self._types.items()
            if name not in ("is_changed", "is_shown")
        )

    def _view_rows(
        self, sessions: pl.DataFrame, revision: int, *, is_final: pl.Expr, is_late: bool
    ) -> pl.DataFrame:
        """Rows of the view."""
        numbered = sessions.with_row_index("session")
        pages = (
            numbered.select("session", "tail_page", "tail_is_view")
            .explode("tail_page", "tail_is_view")
            .filter("tail_is_view")
            .group_by("session", maintain_order=True)
            .agg(pl.col("tail_page").alias("page"))
        )
        suffix = f":late:{self._partition}:{revision}" if is_late else ""
        return (
            numbered.join(pages, on="session", how="left", maintain_order="left")
            .with_columns(page_sequence=_concat("head_path", "page"))
            .with_columns(
                session_key=_keys(sessions, suffix),
                session_start=pl.col("start"),
                session_end=pl.col("end"),
                duration_ms=(pl.col("end") - pl.col("start")) // 1000,
                is_bounce=(pl.col("page_count") == 1) & (pl.col("click_count") == 1),
                source_partition=pl.lit(self._partition),
                revision=pl.lit(revision),
                is_final=is_final,
                is_late=pl.lit(is_late),
            )
            .select(pl.col(name).cast(kind) for name, kind in _VIEW_TYPES.items())
        )

    def _taken_back(self, revision: int) -> pl.DataFrame:
        """Rows for keys that have been seen after some file and name no session any more."""
        gone = (
            pl.concat(self._gone)
            .unique()
            .join(self._open.select(_KEY), on=_KEY, how="anti", nulls_equal=True)
        )
        empty = pl.DataFrame(schema=_VIEW_TYPES)
        if gone.height == 0:
            return empty
        start = pl.col("start").cast(TIMESTAMP)
        rows = gone.select(
            pl.col("user_id").cast(pl.String),
            session_key=_keys(gone),
            session_start=start,
            session_end=start,
            duration_ms=pl.lit(0, dtype=pl.Int64),
            page_count=pl.lit(0, dtype=pl.Int64),
            click_count=pl.lit(0, dtype=pl.Int64),
            page_sequence=pl.lit([], dtype=pl.List(pl.String)),
            is_bounce=pl.lit(False),
            source_partition=pl.lit(self._partition, dtype=pl.Int32),
            revision=pl.lit(revision, dtype=pl.Int64),
            is_final=pl.lit(True),
            is_late=pl.lit(False),
        )
        return pl.concat([empty, rows], how="diagonal").select(_COLUMNS)


def _reached(sessions: pl.DataFrame, clicks: pl.DataFrame) -> pl.Series:
    """Which sessions these clicks can change: a user's last one that ends before the first of them, and those
    after it. Clicks that come behind a session's successor leave it as it is."""
    user = pl.col("user_id").to_physical().alias("user")
    first = clicks.group_by(user).agg(pl.col("time").min().alias("first"))
    ends = sessions.select(user, "end").join(first, on="user", how="left", maintain_order="left")
    before = pl.when(pl.col("end") < pl.col("first")).then("end").max().over("user")
    is_later = pl.col("end") >= before.fill_null(_NEVER)
    return ends.select(pl.col("first").is_not_null() & is_later).to_series()


def _numbered(flat: pl.DataFrame, gap: int) -> pl.DataFrame:
    """In order, with a column ``session`` that counts up where a session begins."""
    user = pl.col("user_id").to_physical()
    flat = flat.sort(user, "time", "offset")
    session = pl.col("session_id")
    same_user = user == user.shift(1)
    ties = same_user & (pl.col("time") == pl.col("time").shift(1)) & session.ne_missing(session.shift(1))
    if flat.select(ties.any()).item():
        # Only then does the session_id's place in the order matter, and sorting texts is slow.
        flat = flat.sort(user, "time", session.cast(pl.String), "offset", nulls_last=False)
    begins = (
        ~same_user
        | (pl.col("time") - pl.col("end").shift(1) > gap)
        | session.to_physical().ne_missing(session.to_physical().shift(1))
    ).fill_null(value=True)
    return flat.with_columns(session=begins.cast(pl.UInt32).cum_sum())


def _beside(sessions: pl.DataFrame, part: pl.DataFrame) -> pl.DataFrame:
    """A left join on ``session``, by which both are sorted; mostly ``part`` has every session, or none."""
    if part.height == sessions.height:
        return sessions.hstack(part.drop("session"))
    return sessions.join(part, on="session", how="left", maintain_order="left")


def _concat(first: str, then: str) -> pl.Expr:
    """Two lists of pages, either of which may be null, as one of the most pages that a session shows."""
    return pl.concat_list(pl.col(first).fill_null([]), pl.col(then).fill_null([])).list.head(MAX_PAGES)


def _keys(sessions: pl.DataFrame, suffix: str = "") -> pl.Series:
    """``session_key`` of each row; the texts are made all at once, as there are as many as rows shown."""
    user, session = pl.col("user_id").cast(pl.String), pl.col("session_id").cast(pl.String)
    texts = sessions.select(
        pl.concat_str(
            pl.col("start").cast(pl.String),
            user.str.len_chars().cast(pl.String),
            user,
            session,
            separator=":",
            ignore_nulls=True,
        )
        + suffix
    ).to_series()
    keys = [_md5(text).hexdigest() for text in texts.cast(pl.Binary)]
    return pl.Series("session_key", keys, dtype=pl.String)


def _plain(types: Mapping[str, pl.DataType]) -> pl.Schema:
    """The same columns with texts instead of categoricals."""

    def plain(kind: pl.DataType) -> pl.DataType:
        if isinstance(kind, pl.Categorical):
            return pl.String()
        if isinstance(kind, pl.List) and isinstance(kind.inner, pl.Categorical):
            return pl.List(pl.String())
        return kind

    return pl.Schema({name: plain(kind) for name, kind in types.items()})
