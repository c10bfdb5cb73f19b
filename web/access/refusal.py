"""What is answered instead of letting a request through."""

from __future__ import annotations

from litestar import Response
from msgspec import Struct

from web.errors import Problem, problem


class Refusal(Struct, frozen=True):
    """One of the kinds of problem, a sentence about this case, and headers that belong to it."""

    code: str
    detail: str
    headers: dict[str, str] = {}

    def response(self, request_id: str) -> Response[Problem]:
        made = problem(self.code, self.detail, request_id=request_id)
        made.headers.update(self.headers)
        return made
