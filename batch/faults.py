"""What goes wrong in Spark, as the platform's own errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.errors import AnalysisException, ParseException, PySparkException

from contracts.errors import ConflictError, ContractError, DependencyError, SchemaMismatch

SPARK_ERRORS = (Py4JError, PySparkException, ConnectionError, EOFError)
"""What a call into Spark raises: Java's exceptions, translated ones, and those of a connection that broke."""

_BAD_VALUE = re.compile(
    r"\[(?:CAST_\w+|ARITHMETIC_OVERFLOW|DIVIDE_BY_ZERO|NUMERIC_VALUE_OUT_OF_RANGE\S*|DATETIME_OVERFLOW"
    r"|DELTA_NOT_NULL_CONSTRAINT_VIOLATED|DELTA_VIOLATE_CONSTRAINT\w*|NOT_NULL_ASSERT_VIOLATION\S*)\]"
    r"|InvariantViolationException"
)
RULE_FAILED = "a row fails the rule "
"""How the message of an assertion begins that a model's rows are checked by."""
_RULE = re.compile(RULE_FAILED + r"(\w+)")
_CONFLICT = re.compile(r"DELTA_CONCURRENT_\w+|DELTA_METADATA_CHANGED|Concurrent\w+Exception")
_SPARK_CODE = re.compile(r"\[([A-Z][A-Z0-9_.]+)\]")


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raises the platform's errors for Spark's.

    ContractError: the SQL is none. SchemaMismatch: columns or values do not fit the table. ConflictError:
    somebody else wrote. DependencyError: anything else.
    """
    try:
        yield
    except ParseException as error:
        raise ContractError(f"{what}: not SQL that Spark runs: {sentence(error)}") from error
    except SPARK_ERRORS as error:
        text = str(error)
        if _CONFLICT.search(text):
            raise ConflictError(f"{what}: somebody else has written the table: {sentence(error)}") from error
        if (failed := _RULE.search(text)) is not None:
            raise ContractError(f"{what}: {failed[0]}") from error
        if isinstance(error, AnalysisException) or _BAD_VALUE.search(text):
            raise SchemaMismatch(f"{what}: the model does not fit its table: {sentence(error)}") from error
        raise DependencyError(f"{what}: Spark failed: {sentence(error)}") from error


def sentence(error: BaseException) -> str:
    """One line of an exception's text, without Java's stack: the line with Spark's own error code where there
    is one."""
    lines = [line.strip() for line in str(error).splitlines()]
    lines = [line for line in lines if line and not line.startswith(("at ", "JVM stacktrace"))]
    if not lines:
        return type(error).__name__
    # Py4J's first line only says that a call failed.
    if lines[0].startswith("An error occurred while calling") and len(lines) > 1:
        lines = lines[1:]
    coded = [line for line in lines if _SPARK_CODE.search(line)]
    said = coded[-1] if coded else lines[0]
    causes = [line for line in lines if line.startswith("Caused by: ")]
    if causes and said != causes[-1]:
        said = f"{said[:300]} … {causes[-1]}"
    return said[:600]
