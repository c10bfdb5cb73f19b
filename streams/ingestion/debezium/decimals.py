"""Kafka Connect's decimals as JSON numbers with every digit; beyond 38 digits as text."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from decimal import MAX_EMAX, Decimal, localcontext
from typing import Any

from msgspec import Raw

from contracts.errors import InvalidRecord

MAX_DIGITS = 38
"""What SQL engines hold in a decimal; numbers with more are text."""
MAX_SCALE = 20_000
MAX_BYTES = 65_536
"""Both lie above PostgreSQL's limits (131,072 digits before the point, 16,383 after). Without them a few
bytes could ask for gigabytes of zeros."""
MAX_PADDING = 100
"""Most zeros that are written for a number's scale."""
_SHORT = 2**1024
_CHUNK_BITS = 2048


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
        value = Decimal(value)
    if not isinstance(value, Decimal):
        raise InvalidRecord("expected base64 of a number, or a number", kind="wrong_type")
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or abs(exponent) > MAX_PADDING:
        return str(value)
    places = max(-exponent, scale, 0)
    unscaled = int(Decimal((sign, (*digits, *(0,) * (places + exponent)), 0)))
    return _number(unscaled, places)


def _number(unscaled: int, scale: int) -> Raw | str:
    """``unscaled`` × 10^-``scale`` in plain notation; the scale says how many digits follow the point.

    Where that would be hardly more than zeros, as text with an exponent.
    """
    sign = "-" if unscaled < 0 else ""
    digits = str(unscaled).removeprefix("-") if -_SHORT < unscaled < _SHORT else _long_digits(abs(unscaled))
    if abs(scale) > len(digits) + MAX_PADDING:
        return f"{sign}{digits}E{-scale}"
    if scale > 0:
        digits = digits.rjust(scale + 1, "0")
        text = f"{sign}{digits[:-scale]}.{digits[-scale:]}"
    else:
        digits = digits + "0" * -scale if unscaled else digits
        text = sign + digits
    count = len(digits) - (scale > 0 and digits.startswith("0"))
    return text if count > MAX_DIGITS else Raw(text.encode())


def _long_digits(number: int) -> str:
    """Decimal digits by halves: str() refuses long integers, and Decimal() takes seconds for them."""
    powers: dict[int, Decimal] = {}

    def decimal(part: int, bits: int) -> Decimal:
        if bits <= _CHUNK_BITS:
            return Decimal(part)
        half = bits // 2
        if half not in powers:
            powers[half] = Decimal(2) ** half
        return decimal(part >> half, bits - half) * powers[half] + decimal(part & ((1 << half) - 1), half)

    with localcontext() as context:
        context.prec, context.Emax = 3 * MAX_BYTES, MAX_EMAX
        return str(decimal(number, number.bit_length()))
