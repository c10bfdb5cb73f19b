"""A view's state in a Faust table: 32 buckets a source partition, each of which says what it includes."""

from __future__ import annotations

from zlib import crc32

import msgspec
import polars as pl
from msgspec import Struct

from contracts.errors import ContractError

BUCKETS = 32


class Bucket(Struct, frozen=True, array_like=True):
    """One value of the table."""

    topic_id: str
    """Kafka's id of the source topic: a snapshot of another topic is of no use."""
    offset: int
    """Last source offset that the content includes; the end of a landing file."""
    watermark: int | None
    content: bytes
    logic: str = ""
    """By what the content was made (``streams.logic``): a snapshot by other logic is of no use."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Bucket)


def encode_bucket(bucket: Bucket) -> bytes:
    return _encoder.encode(bucket)


def decode_bucket(data: bytes) -> Bucket:
    """Raises ContractError for bytes that are no bucket."""
    try:
        return _decoder.decode(data)
    except msgspec.DecodeError as error:
        raise ContractError(f"table bucket: {error}") from error


def bucket_key(source: str, partition: int, bucket: int) -> bytes:
    """Key in the table, which is one for all sources."""
    return f"{source}|{partition}|{bucket}".encode()


def bucket_of(user_id: str) -> int:
    """A user's bucket: stable between processes and versions."""
    return crc32(user_id.encode()) % BUCKETS


def buckets_of(users: pl.Series) -> pl.Series:
    """Bucket of each user, Int64."""
    distinct = users.unique()
    mapping = pl.DataFrame(
        {
            "user_id": distinct,
            "bucket": pl.Series([bucket_of(user) for user in distinct], dtype=pl.Int64),
        }
    )
    return users.to_frame("user_id").join(mapping, on="user_id", how="left", maintain_order="left")["bucket"]
