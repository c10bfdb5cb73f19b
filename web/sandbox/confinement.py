"""What the kernel takes from a sandbox worker for good: writing, running programs, the network, and signals.

DuckDB's own locks are not enough: `allowed_directories` allows to write there as well, and `COPY … TO` a
data file with `USE_TMP_FILE false` empties it before RLIMIT_FSIZE refuses the first byte. Landlock (Linux
5.13) needs no privileges. Reading is left to DuckDB's list of folders: a Landlock rule is bound to a folder
that exists, and a table's may come, go and come back.
"""

from __future__ import annotations

import ctypes
import os

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_ASK_VERSION = 1
_NO_NEW_PRIVILEGES = 38
_READ_FILE, _READ_DIRECTORY = 1 << 2, 1 << 3
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""How many rights over files there are since a version of Landlock, from the first bit on."""
_CONNECT_AND_BIND = 0b11
_SIGNALS_AND_SOCKETS = 0b11


class _Ruleset(ctypes.Structure):
    """`struct landlock_ruleset_attr`: what is taken. No rule gives any of it back."""

    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


def landlock_version() -> int:
    """The kernel's; below 1 where it has none, or a container's filter keeps it from us."""
    libc = ctypes.CDLL(None, use_errno=True)
    return int(libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION))


def confine() -> bool:
    """Confines this thread, and those that it starts from now on. False where the kernel has no Landlock."""
    libc = ctypes.CDLL(None, use_errno=True)
    version = landlock_version()
    if version < 1:
        return False
    rights = max(count for since, count in _FILE_RIGHTS.items() if since <= version)
    taken = _Ruleset(
        files=(1 << rights) - 1 & ~(_READ_FILE | _READ_DIRECTORY),
        network=_CONNECT_AND_BIND if version >= 4 else 0,
        scoped=_SIGNALS_AND_SOCKETS if version >= 6 else 0,
    )
    # An older kernel knows a shorter structure, and accepts a longer one whose rest is zero.
    ruleset = libc.syscall(_CREATE_RULESET, ctypes.byref(taken), ctypes.c_size_t(ctypes.sizeof(taken)), 0)
    if ruleset < 0:
        return False
    try:
        if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
            return False
        restricted: int = libc.syscall(_RESTRICT_SELF, ruleset, 0)
        return restricted == 0
    finally:
        os.close(ruleset)
