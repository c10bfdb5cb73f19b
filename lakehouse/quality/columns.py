"""The columns of a table and of its files against the declaration: none missing, none of another type, none
unknown, a value wherever there must be one. Read from the files' footers, not from rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct, field

from lakehouse.datasets.declaration import Column
from lakehouse.quality import wording
from lakehouse.quality.extent import files_of, is_whole_files, partition_of
from lakehouse.quality.findings import Finding
from lakehouse.quality.look import Table
from lakehouse.reading.relations import sql_type

NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"


class Footers(Struct):
    """What the footers of a table's files say."""

    rows: int = 0
    files: int = 0
    nulls: dict[str, int | None] = field(default_factory=dict)
    """Rows without a value, by column; None: the footers do not tell."""
    other_types: Counter[str] = field(default_factory=Counter)
    """`column (type, not type)` → files."""

    def add(self, metadata: pq.FileMetaData, columns: tuple[Column, ...], inside: str, gone: bool) -> None:
        """One more file. ``inside`` is the partition column, whose value is in the path, null where
        ``gone``."""
        self.files += 1
        self.rows += metadata.num_rows
        schema = metadata.schema.to_arrow_schema()
        counted = _nulls(metadata)
        for column in columns:
            if column.name == inside:
                lacking: int | None = metadata.num_rows if gone else 0
            elif column.name not in schema.names:
                lacking = metadata.num_rows
            else:
                lacking = counted.get(column.name)
                found = schema.field(column.name).type
                if not _alike(found, column.type):
                    self.other_types[f"{column.name} ({found}, not {column.type})"] += 1
            before = self.nulls.get(column.name, 0)
            self.nulls[column.name] = None if lacking is None or before is None else before + lacking


def footers(table: Table) -> Footers:
    """Of the files of the dates that are looked at. Raises OSError for one that cannot be read."""
    found = Footers()
    declared = table.declared
    for file in files_of(declared, table.snapshot, table.look.days):
        gone = partition_of(declared, file) == NO_PARTITION
        found.add(pq.read_metadata(file.path), declared.columns, declared.partition, gone)
    return found


def findings(table: Table, found: Footers) -> Iterator[Finding]:
    """On the schema of the table and of its files."""
    declared, known = table.declared, table.snapshot.schema
    missing = [name for name in declared.schema.names if name not in known.names]
    differing = [
        f"{one.name} ({known.field(one.name).type}, not {one.type})"
        for one in declared.columns
        if one.name in known.names and sql_type(known.field(one.name).type) != sql_type(one.type)
    ]
    faults = [f"lacks the column {name}" for name in missing]
    faults += [f"has the column {text}" for text in differing]
    faults += [
        f"has the column {text} in {wording.number(files, 'file')}"
        for text, files in sorted(found.other_types.items())
        if text not in differing
    ]
    said = wording.some(faults) if faults else f"has all {len(declared.columns)} declared columns as declared"
    yield table.finding("schema", "fail", f"{table.name} {said}", failed=len(faults))
    unknown = [name for name in known.names if name not in declared.schema.names and _is_stored(table, name)]
    said = f"has columns that are not declared: {', '.join(unknown)}" if unknown else "has no other columns"
    yield table.finding("schema_unknown", "flag", f"{table.name} {said}", failed=len(unknown))


def required(table: Table) -> list[Column]:
    """The columns that must have a value in every row."""
    return [one for one in table.declared.columns if not one.nullable]


def told_nulls(table: Table, found: Footers, column: str) -> int | None:
    """Rows without a value in the column, by the footers; None: a scan has to count them."""
    if not is_whole_files(table.declared, table.look.days) or table.snapshot.rule is not None:
        return None
    return found.nulls.get(column, 0)


def missing_values(table: Table, counts: dict[str, int]) -> Finding:
    """``counts``: rows without a value, by required column."""
    failing = {name: count for name, count in counts.items() if count}
    if not failing:
        required = wording.number(len(counts), "required column has", "required columns have")
        said = f"{required} a value in every row of {table.name}"
        return table.finding("schema_required", "fail", said)
    told = ", ".join(f"{name} in {wording.number(count, 'row')}" for name, count in failing.items())
    condition = " OR ".join(f'"{name}" IS NULL' for name in failing)
    return table.finding(
        "schema_required",
        "fail",
        f"Of {wording.number(table.rows, 'row')} of {table.name}, required columns have no value: {told}",
        failed=max(failing.values()),
        samples=table.samples(condition),
    )


def _nulls(metadata: pq.FileMetaData) -> dict[str, int | None]:
    """By top-level column that is not nested."""
    counts: dict[str, int | None] = {}
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for number in range(metadata.num_columns):
            chunk = row_group.column(number)
            name = chunk.path_in_schema
            statistics = chunk.statistics
            told = statistics.null_count if statistics is not None and statistics.has_null_count else None
            before = counts.get(name, 0)
            counts[name] = None if told is None or before is None else before + told
    if not metadata.num_row_groups:
        return dict.fromkeys(metadata.schema.to_arrow_schema().names, 0)
    return counts


def _alike(found: pa.DataType, declared: pa.DataType) -> bool:
    """Whether a file's column is read as the declared one: writers store texts and times in several forms."""
    if pa.types.is_timestamp(declared):
        return bool(pa.types.is_timestamp(found))
    if pa.types.is_list(declared):
        return bool(
            (pa.types.is_list(found) or pa.types.is_large_list(found))
            and _alike(found.value_type, declared.value_type)
        )
    try:
        return sql_type(found) == sql_type(declared)
    except ValueError:
        return False


def _is_stored(table: Table, name: str) -> bool:
    """The folders of the stream's outputs are columns that no declaration has."""
    return table.snapshot.version is not None or name not in (*table.snapshot.partition, "date")
