"""One request and its answer as the guard sees them pass: it adds headers, counts bytes, and cuts off a body
that does not come."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import HTTPReceiveMessage, Message, Receive, Send

from web.access.origins import Pairs
from web.errors import REQUEST_ID, Problem, problem


class SlowBody(HTTPException):
    """A body was not there in time."""

    status_code = 408


def slow_body(request: Request[Any, Any, Any], error: SlowBody) -> Response[Problem]:
    """Its answer. The connection ends with it: the rest of the body may still come."""
    made = problem("slow_body", error.detail, request_id=request.scope["state"][REQUEST_ID])
    made.headers["Connection"] = "close"
    return made


class Exchange:
    """``send`` and ``receive`` of one request; afterwards what the answer was."""

    __slots__ = (
        *("_added", "_body_seconds", "_deadline", "_defaults", "_end", "_receive", "_send"),
        *("bytes", "problem", "status"),
    )

    def __init__(
        self, receive: Receive, send: Send, *, defaults: Pairs, added: Pairs, body_seconds: float
    ) -> None:
        """``defaults`` are headers that a route may set otherwise, ``added`` ones are there in any case."""
        self._receive = receive
        self._send = send
        self._defaults = defaults
        self._added = added
        self._body_seconds = body_seconds
        self._deadline: float | None = 0.0
        self._end: asyncio.Future[Any] | None = None
        self.status: int | None = None
        """None until an answer began."""
        self.bytes = 0
        self.problem = b""
        """Body of an answer that says what was wrong."""

    async def receive(self) -> HTTPReceiveMessage:
        """The next part of the body. Raises SlowBody when all of it was not there in time."""
        if self._deadline is None:  # complete: what comes now is that the client has gone
            # One look for all who ask: the server takes a look that is given up for the client's end.
            if self._end is None:
                self._end = asyncio.ensure_future(self._receive())
            return cast(HTTPReceiveMessage, await asyncio.shield(self._end))
        if not self._deadline:
            self._deadline = asyncio.get_running_loop().time() + self._body_seconds
        try:
            async with asyncio.timeout_at(self._deadline):
                message = cast(HTTPReceiveMessage, await self._receive())
        except TimeoutError:
            self._deadline = None
            raise SlowBody(f"the body did not come within {self._body_seconds:g} s") from None
        if not message.get("more_body"):
            self._deadline = None
        return message

    def close(self) -> None:
        """Nobody asks any more whether the client has gone."""
        if self._end is not None:
            self._end.cancel()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message["headers"])
            own = {name for name, _ in headers}
            headers += [pair for pair in self._defaults if pair[0] not in own]
            headers += self._added
            message["headers"] = headers
        elif message["type"] == "http.response.body":
            body = message.get("body", b"")
            self.bytes += len(body)
            if self.status is not None and self.status >= 400 and not self.problem:
                self.problem = body
        await self._send(message)
