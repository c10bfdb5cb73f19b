"""What sections of the settings are made of: their base, the types of their fields, and secrets."""

from __future__ import annotations

from functools import cache
from typing import Annotated, get_type_hints

from msgspec import Meta, Struct

Port = Annotated[int, Meta(ge=1, le=65535)]
Positive = Annotated[int, Meta(ge=1)]
NotNegative = Annotated[int, Meta(ge=0)]
PositiveSeconds = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Secret = Annotated[str, Meta(extra={"secret": True})]
"""Taken from the environment alone: a flag would stand in the list of processes, a settings file in backups.
Every such field has a neighbour `<name>_file`."""

MASK = "********"
"""Stands where a secret is set."""


class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all sections: frozen, and a misspelt key is an error, never silently ignored."""

    @classmethod
    def secret_fields(cls) -> frozenset[str]:
        """Names of the fields that hold secrets."""
        return _secret_fields(cls)

    def __repr__(self) -> str:
        """Without secrets, so that a log or a traceback may show it."""
        hidden = self.secret_fields()
        values = ((name, getattr(self, name)) for name in self.__struct_fields__)
        shown = (f"{name}={MASK if name in hidden and value else repr(value)}" for name, value in values)
        return f"{type(self).__name__}({', '.join(shown)})"


@cache
def _secret_fields(section: type[Section]) -> frozenset[str]:
    hints = get_type_hints(section, include_extras=True)
    return frozenset(name for name in section.__struct_fields__ if hints[name] == Secret)
