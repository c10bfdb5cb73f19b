"""Becomes a service's process: asks the kernel to kill it when the supervisor dies, then executes it.

Run by path (``python -I -S child.py PARENT_PID COMMAND …``), so that it starts in some ten milliseconds. It
stands between the two because the supervisor has threads, and code between its fork and exec could deadlock.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def become(parent: int, argv: list[str]) -> None:
    """Does not return. Ends with 127 where the command cannot be executed."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(137)  # it died before we asked
    # Python ignores SIGPIPE, and a shell in the background SIGINT: what is ignored stays so through exec.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        sys.stderr.write(f"dp: cannot execute {argv[0]}: {error.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    become(int(sys.argv[1]), sys.argv[2:])
