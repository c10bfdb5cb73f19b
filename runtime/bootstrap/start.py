"""From `./dp` to the command line inside the virtual environment."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from runtime.bootstrap.environment import Environment


def start(root: str, arguments: list[str]) -> NoReturn:
    """Makes the environment where it is not complete, then becomes `python -m runtime ARGUMENTS` in it."""
    environment = Environment(root)
    wanted = os.environ.get("DP_PYTHON")
    if not environment.is_ready() or (wanted and _made_by_another(environment)):
        _set_up(environment)
    python = str(environment.python)
    # -P: the folder that the user happens to be in must not come before our packages.
    os.execv(python, [python, "-P", "-m", "runtime", *arguments])


def _made_by_another(environment: Environment) -> bool:
    """Whether the environment has another minor version than the Python that the user named."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return not (environment.folder / "lib" / version).is_dir()


def _set_up(environment: Environment) -> None:
    from runtime.bootstrap.errors import SetupError
    from runtime.bootstrap.install import install
    from runtime.bootstrap.progress import Progress

    try:
        install(environment, Progress())
    except SetupError as error:
        sys.stderr.write(f"dp: {error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("\ndp: interrupted; run the same again to go on\n")
        sys.exit(130)
