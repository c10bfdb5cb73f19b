"""Where a person's id is found in values, and what is left of them without it."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import Any
from urllib.parse import quote, quote_plus

from contracts import secrets
from contracts.settings import Settings

ERASED = "erased"
"""Stands where an id was mentioned."""
DISTINCT = 6
"""Ids of so many characters are found anywhere in a text; shorter ones only as words of their own."""
SECRET = "erasure"


class Person:
    """One id, in every way in which it is written."""

    def __init__(self, user_id: str) -> None:
        self.id = user_id
        written = {user_id, json.dumps(user_id)[1:-1], json.dumps(user_id, ensure_ascii=False)[1:-1]}
        written |= {quote(user_id, safe=""), quote(user_id), quote_plus(user_id)}
        self.needles = tuple(sorted(written, key=len, reverse=True))
        either = "|".join(re.escape(needle) for needle in self.needles)
        self._pattern = re.compile(either if len(user_id) >= DISTINCT else rf"(?<!\w)(?:{either})(?!\w)")

    def is_in(self, text: str) -> bool:
        return self._pattern.search(text) is not None

    def is_in_record(self, text: str) -> bool:
        """Whether a JSON record is about the person: a text in it has the id, or a number beneath a name with
        `user` in it is the id."""
        if not any(needle in text for needle in self.needles):
            return False
        return self.without_in_json(text) != text

    def without(self, text: str) -> str:
        return self._pattern.sub(ERASED, text)

    def without_in_json(self, text: str) -> str:
        """JSON text without the id; as it was where the id is not in it."""
        try:
            before = json.loads(text)
        except ValueError:
            return self.without(text)
        after = self._replaced(before, "")
        if after == before:
            return text
        return json.dumps(after, ensure_ascii=False, separators=(",", ":"))

    def _replaced(self, value: Any, name: str) -> Any:
        match value:
            case dict():
                return {self.without(key): self._replaced(inner, key) for key, inner in value.items()}
            case list():
                return [self._replaced(inner, name) for inner in value]
            case str():
                return self.without(value)
            case bool():
                return value
            case int() if "user" in name.lower() and str(value) == self.id:
                return ERASED
        return value


class Pseudonyms:
    """Keyed hashes of ids: who has the platform's secret can tell whether an id is meant, nobody else."""

    def __init__(self, settings: Settings) -> None:
        self._key = secrets.secret(settings, SECRET).encode()

    def of(self, user_id: str) -> str:
        return hmac.new(self._key, user_id.encode(), hashlib.sha256).hexdigest()
