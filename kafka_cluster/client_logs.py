"""What the Kafka client logs, thinned: while a broker is down it says the same thing many times a second."""

from __future__ import annotations

import logging
import time

from aiokafka.errors import KafkaError

SAME_SECONDS = 10.0
_CLIENTS = ("aiokafka", "httpx")


class SameMessage(logging.Filter):
    """Lets one record of each message of a client library through in ``SAME_SECONDS``.

    What the library tries again by itself (a coordinator that is not there yet) is a warning, not an error.
    """

    def __init__(self) -> None:
        super().__init__()
        self._next: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(_CLIENTS):
            return True
        if any(isinstance(value, KafkaError) and value.retriable for value in record.args or ()):
            record.levelno = min(record.levelno, logging.WARNING)
            record.levelname = logging.getLevelName(record.levelno)
        now = time.monotonic()
        if now < self._next.get(record.msg, 0.0):
            return False
        if len(self._next) > 1000:
            self._next.clear()
        self._next[record.msg] = now + SAME_SECONDS
        return True


def thin() -> None:
    """Keeps client libraries to warnings, and those to one of a kind in a while, in this process."""
    for name in _CLIENTS:
        logging.getLogger(name).setLevel(logging.WARNING)
    for handler in logging.getLogger().handlers:
        if not any(isinstance(known, SameMessage) for known in handler.filters):
            handler.addFilter(SameMessage())
