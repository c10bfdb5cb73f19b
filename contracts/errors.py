"""The errors of the platform, one tree::

    PlatformError
    ├── SettingsError          a setting is unknown, of the wrong type or out of its range
    ├── ContractError          data breaks what was agreed
    │   ├── InvalidRecord      one record is refused; carries the field path and the expectation
    │   └── SchemaMismatch     a file's or table's columns are not the declared ones
    ├── DependencyError        a service or file that is needed is not there (broker, registry, driver, jar)
    │   ├── BrokenTable        a table's log or files are damaged or missing; carries its name
    │   └── PortInUse          carries the port, the service and the setting that changes it
    ├── ConflictError          somebody else has written on: a chain, a lock or a table
    ├── NotFound               a table, event or run of that name does not exist
    └── QueryError             a query is refused or was stopped; carries a machine-readable code

Callers catch a family; the command line prints the message of any of them in one line and exits with
``exit_code``.
"""

from __future__ import annotations

from collections.abc import Sequence


class PlatformError(Exception):
    """Root of all errors that the platform raises on purpose."""

    exit_code = 1


class SettingsError(PlatformError):
    """A setting is wrong. ``key`` is its dotted name, ``origin`` says where the value came from."""

    exit_code = 2

    def __init__(self, message: str, *, key: str = "", origin: str = "") -> None:
        super().__init__(message)
        self.key = key
        self.origin = origin


class ContractError(PlatformError):
    """Data breaks what producers and consumers agreed."""


class InvalidRecord(ContractError):
    """One record is refused.

    ``path`` is the field (``$.event_timestamp``; ``$`` is the whole record), ``expectation`` what it should
    have been, ``kind`` a short stable word for counting (``malformed_json``, ``wrong_type``, …).
    """

    def __init__(self, expectation: str, *, path: str = "$", kind: str = "invalid") -> None:
        super().__init__(f"{path}: {expectation}")
        self.expectation = expectation
        self.path = path
        self.kind = kind


class SchemaMismatch(ContractError):
    """Columns found are not the columns declared."""


class DependencyError(PlatformError):
    """Something that is needed does not answer or is not there; the message says what to do."""

    exit_code = 3


class BrokenTable(DependencyError):
    """A table cannot be read: its log or its files are damaged or missing. ``table`` is its name."""

    def __init__(self, table: str, what: str) -> None:
        super().__init__(f"table {table} cannot be read: {what}")
        self.table = table


class PortInUse(DependencyError):
    """A port that a service needs is taken."""

    def __init__(self, *, port: int, service: str, setting: str) -> None:
        super().__init__(
            f"port {port} for {service} is in use: free it, or set {setting} to another "
            f"(in dataplatform.toml, or as DP_{setting.upper().replace('.', '_')})"
        )
        self.port = port
        self.service = service
        self.setting = setting


class ConflictError(PlatformError):
    """Somebody else has written where we were about to."""

    exit_code = 4


class NotFound(PlatformError):
    """What was asked for does not exist.

    ``suggestions`` are the nearest names; ``offset`` is the name's place in a query, characters before it.
    """

    exit_code = 5

    def __init__(self, message: str, *, suggestions: Sequence[str] = (), offset: int | None = None) -> None:
        super().__init__(message)
        self.suggestions = tuple(suggestions)
        self.offset = offset


class QueryError(PlatformError):
    """A query is refused (``code`` = ``refused``, ``invalid``) or was stopped (``timeout``, ``memory``).

    ``offset`` is the place in its text, characters before it; ``suggestions`` are the names nearest to an
    unknown one.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "invalid",
        offset: int | None = None,
        suggestions: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.offset = offset
        self.suggestions = tuple(suggestions)
