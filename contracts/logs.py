"""The form of our log lines: one JSON object a line with `ts`, `level`, `service`, `message` and extras."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(enc_hook=str)
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def line(service: str, level: str, message: str, **extras: Any) -> str:
    """One log line in the declared form, without the newline."""
    ts = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return _encoder.encode(
        {"ts": ts, "level": level, "service": service, "message": message, **extras}
    ).decode()


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON line; ``extra={…}`` of the call becomes fields of the object."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service

    def format(self, record: logging.LogRecord) -> str:
        extras = {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
        if record.exc_info and record.exc_info[0]:
            extras["exception"] = "".join(traceback.format_exception(*record.exc_info))
        return line(self.service, record.levelname.lower(), record.getMessage(), logger=record.name, **extras)


def configure(service: str, level: str = "info") -> None:
    """Sends all logging of this process to stderr as JSON lines; ``DP_SERVICE`` overrides the name."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(os.environ.get("DP_SERVICE", service)))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
