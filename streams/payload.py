"""The events of a packed record: an Arrow stream of the canonical columns.

Columnar, because a worker that parses text spends more on that than on all the rest of a flush, and because
half of a line of JSON is the names of its fields. The stream carries its own schema, so records that were
packed before a column was added can still be read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from contracts.errors import ContractError
from contracts.landing import LANDING, SOURCE_POSITION
from contracts.sources import Source

ADDED = frozenset(field.name for field in SOURCE_POSITION) | {"ingest_timestamp", "source_system", "is_late"}
"""Landing columns that do not come from the event itself."""


@cache
def payload_schema(source: Source) -> pa.Schema:
    """The landing columns that are the event's own. All may be null here: landing judges that."""
    return pa.schema(field.with_nullable(True) for field in LANDING[source.name] if field.name not in ADDED)


def batch_of(source: Source, columns: Mapping[str, Sequence[Any] | np.ndarray[Any, Any]]) -> pa.RecordBatch:
    """A batch of canonical events from Python values, a sequence a column; times are microseconds since
    1970 UTC."""
    schema = payload_schema(source)
    arrays = [pa.array(columns[field.name], type=field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def to_payload(batches: Sequence[pa.RecordBatch]) -> bytes:
    """The batches as one stream of one batch; no bytes where they hold no event."""
    if not any(batch.num_rows for batch in batches):
        return b""
    table = pa.Table.from_batches(batches).combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def from_payload(source: Source, payload: bytes | memoryview) -> pa.Table:
    """The canonical events with exactly the columns of ``payload_schema``; absent ones are null.

    Raises ContractError for bytes that are no such stream.
    """
    schema = payload_schema(source)
    if not payload:
        return schema.empty_table()
    try:
        with pa.ipc.open_stream(payload) as stream:
            table = stream.read_all()
        table.validate()
        if table.schema.equals(schema):
            return table
        columns = [
            table[field.name].cast(field.type)
            if field.name in table.column_names
            else pa.nulls(table.num_rows, field.type)
            for field in schema
        ]
        return pa.Table.from_arrays(columns, schema=schema)
    except (pa.ArrowException, ValueError, OSError) as error:
        raise ContractError(f"packed events of {source.name}: {error}") from error
