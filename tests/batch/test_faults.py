from __future__ import annotations

import pytest
from py4j.protocol import Py4JNetworkError
from pyspark.errors import AnalysisException, ParseException, PySparkException

from batch.faults import sentence, translated
from contracts.errors import ConflictError, ContractError, DependencyError, PlatformError, SchemaMismatch

CAST = """Job aborted due to stage failure: Task 0 in stage 3.0 failed 4 times
org.apache.spark.SparkNumberFormatException: [CAST_INVALID_INPUT] The value 'x' cannot be cast to "INT".
	at org.apache.spark.sql.errors.QueryExecutionErrors$.invalidInputInCastToNumberError"""


@pytest.mark.parametrize(
    ("raised", "becomes"),
    [
        (ParseException("[PARSE_SYNTAX_ERROR] Syntax error"), ContractError),
        (AnalysisException("[UNRESOLVED_COLUMN.WITH_SUGGESTION] no column x"), SchemaMismatch),
        (PySparkException(CAST), SchemaMismatch),
        (PySparkException("[DELTA_NOT_NULL_CONSTRAINT_VIOLATED] NOT NULL constraint"), SchemaMismatch),
        (PySparkException("[DELTA_CONCURRENT_APPEND.WITHOUT_HINT] files were added"), ConflictError),
        (PySparkException("Job 3 cancelled because SparkContext was shut down"), DependencyError),
        (Py4JNetworkError("Answer from Java side is empty"), DependencyError),
        (ConnectionRefusedError(111, "Connection refused"), DependencyError),
    ],
)
def test_each_fault_gets_its_family(raised: Exception, becomes: type[PlatformError]) -> None:
    with pytest.raises(becomes, match="some_table: ") as caught, translated("some_table"):
        raise raised
    assert type(caught.value) is becomes
    assert caught.value.__cause__ is raised


def test_what_is_not_spark_passes() -> None:
    with pytest.raises(KeyError), translated("some_table"):
        raise KeyError("x")


def test_the_line_with_the_code_says_what_happened() -> None:
    assert sentence(PySparkException(CAST)).endswith("The value 'x' cannot be cast to \"INT\".")
    assert "at org.apache" not in sentence(PySparkException(CAST))
