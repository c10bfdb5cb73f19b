"""When a request is sent again."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from tenacity import RetryCallState
from tenacity.stop import stop_after_attempt
from tenacity.wait import wait_random_exponential

from dataplatform_client.errors import ConnectionFailed, NoAnswerInTime, RateLimited, Unavailable


class Retries(Struct, frozen=True, kw_only=True):
    """Requests that change nothing are sent again where nobody answered, after 429 and after 503.

    The waits grow at random up to ``longest_seconds``; where the server says how long to wait, that long. A
    server that says longer than ``longest_seconds``, and an answer that did not come in time, are not waited
    for again.
    """

    attempts: int = 4
    first_seconds: float = 0.25
    longest_seconds: float = 10.0

    def policy(self, repeatable: bool) -> dict[str, Any]:
        """Arguments of tenacity's ``Retrying``."""
        grows = wait_random_exponential(multiplier=self.first_seconds, max=self.longest_seconds)

        def wait(state: RetryCallState) -> float:
            asked = getattr(_error(state), "retry_after", None)
            return grows(state) if asked is None else float(asked)

        return {
            "stop": stop_after_attempt(self.attempts if repeatable else 1),
            "wait": wait,
            "retry": lambda state: self._passes(_error(state)),
            "reraise": True,
        }

    def _passes(self, error: BaseException | None) -> bool:
        """Whether the next try may succeed."""
        if isinstance(error, RateLimited | Unavailable):
            return (error.retry_after or 0.0) <= self.longest_seconds
        return isinstance(error, ConnectionFailed) and not isinstance(error, NoAnswerInTime)


DEFAULT_RETRIES = Retries()


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
