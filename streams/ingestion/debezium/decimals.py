"""Kafka Connect's decimals as JSON numbers with every digit; beyond 38 digits as text."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Raw

from contracts.errors import InvalidRecord

MAX_DIGITS = 38
"""What SQL engines hold in a decimal; numbers with more are text."""
MAX_SCALE = 20_000
MAX_BYTES = 65_536
"""Both lie above PostgreSQL's limits (131,072 digits before the point, 16,383 after). Without them a few
bytes could ask for gigabytes of zeros."""


def fixed(parameters: Mapping[str, Any]) -> Callable[[Any], Raw | str]:
    """Decoder of `org.apache.kafka.connect.data.Decimal`. Raises InvalidRecord for a schema without scale."""
    scale = _scale(parameters.get("scale"))

    def decode(value: Any) -> Raw | str:
        if isinstance(value, str):
            return _number(_unscaled(value), scale)
        return _from_number(value, scale)

    return decode


def variable(value: Any) -> Raw | str:
    """A `io.debezium.data.VariableScaleDecimal`: {scale, value}."""
    if not isinstance(value, dict):
        raise InvalidRecord("expected {scale, value}", kind="wrong_type")
    unscaled = value.get("value")
    if not isinstance(unscaled, str):
        raise InvalidRecord("expected base64 of a number", path="$.value", kind="wrong_type")
    return _number(_unscaled(unscaled), _scale(value.get("scale")))


def base64_bytes(value: Any) -> bytes:
    """Raises InvalidRecord for what is no base64 text."""
    if not isinstance(value, str):
        raise InvalidRecord("expected base64", kind="wrong_type")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRecord("expected base64", kind="wrong_type") from None


def _scale(value: Any) -> int:
    """The scale, which schemas carry as text and structs as a number."""
    if isinstance(value, str) and len(value) < 8 and value.removeprefix("-").isdecimal():
        value = int(value)
    if type(value) is not int or abs(value) > MAX_SCALE:
        raise InvalidRecord(
            f"expected a decimal's scale, from {-MAX_SCALE} to {MAX_SCALE}", path="$.scale", kind="wrong_type"
        )
    return value


def _unscaled(text: str) -> int:
    data = base64_bytes(text)
    if not 0 < len(data) <= MAX_BYTES:
        raise InvalidRecord(
            f"expected base64 of 1 to {MAX_BYTES} bytes, two's complement", kind="out_of_range"
        )
    return int.from_bytes(data, "big", signed=True)


def _from_number(value: Any, scale: int) -> Raw | str:
    """A decimal that came as a JSON number, at its column's scale where that keeps all digits."""
    if type(value) is int:
        return _number(value * 10**scale if scale > 0 else value, max(scale, 0))
    if not isinstance(value, Decimal):
        raise InvalidRecord("expected base64 of a number, or a number", kind="wrong_type")
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or abs(exponent) > MAX_SCALE or len(digits) > MAX_SCALE:
        raise InvalidRecord("expected a number of fewer digits", kind="out_of_range")
    if scale > -exponent:
        digits, exponent = (*digits, *(0,) * (scale + exponent)), -scale
    text = format(Decimal((sign, digits, exponent)), "f")
    return text if len(digits) > MAX_DIGITS or abs(exponent) > MAX_DIGITS else Raw(text.encode())


def _number(unscaled: int, scale: int) -> Raw | str:
    """``unscaled`` × 10^-``scale`` in plain notation; the scale says how many digits follow the point."""
    sign = "-" if unscaled < 0 else ""
    # Of long integers Python's own str() refuses, and is slow.
    digits = str(Decimal(abs(unscaled)))
    if scale > 0:
        digits = digits.rjust(scale + 1, "0")
        text = f"{sign}{digits[:-scale]}.{digits[-scale:]}"
    else:
        digits = digits + "0" * -scale if unscaled else digits
        text = sign + digits
    count = len(digits) - (scale > 0 and digits.startswith("0"))
    return text if count > MAX_DIGITS else Raw(text.encode())
