"""What OpenLineage asks of an event, as JSON Schema, written after the specification by hand: core 2-0-2, and
the facets schema 1-2-0, columnLineage 1-2-0, dataQualityAssertions 1-1-0, outputStatistics 1-0-2, version
1-0-1, errorMessage 1-0-1, nominalTime 1-0-1, processing_engine 1-1-1, jobType 2-0-4 and tags 1-0-0 (which
the client adds). The client's package has no schema files; its classes check some fields besides."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import jsonschema

MOMENT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"
URI = r"^[a-z][a-z0-9+.-]*:\S+$"
TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
COUNT = {"type": "integer", "minimum": 0}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    properties = required | (optional or {})
    return {"type": "object", "required": list(required), "properties": properties}


def _facet(
    url: str, required: dict[str, Any] | None = None, optional: dict[str, Any] | None = None
) -> dict[str, Any]:
    base = {
        "_producer": {"type": "string", "pattern": URI},
        "_schemaURL": {"type": "string", "pattern": f"^https://openlineage\\.io/spec/facets/{url}"},
    }
    known = {"_producer", "_schemaURL", "_deleted", *(required or {}), *(optional or {})}
    whole = _object(base | (required or {}), {"_deleted": {"type": "boolean"}} | (optional or {}))
    return whole | {"propertyNames": {"enum": sorted(known)}}


def _facets(**known: Any) -> dict[str, Any]:
    return {"type": "object", "properties": known, "additionalProperties": False}


FIELD = _object({"namespace": TEXT, "name": TEXT, "field": TEXT}, {"transformations": {"type": "array"}})
COLUMN = _object(
    {"name": TEXT},
    {"type": TEXT, "description": {"type": "string"}, "ordinal_position": {"type": "integer", "minimum": 1},
     "fields": {"type": "array"}},
)  # fmt: skip
ASSERTION = _object(
    {"assertion": TEXT, "success": {"type": "boolean"}},
    {name: {"type": "string"} for name in ("column", "severity", "name", "description", "expected", "actual",
     "content", "contentType")} | {"params": {"type": "object"}},
)  # fmt: skip
ASSERTIONS = _facet(
    "1-1-0/DataQualityAssertionsDatasetFacet.json", {"assertions": {"type": "array", "items": ASSERTION}}
)
DATASET_FACETS = _facets(
    schema=_facet("1-2-0/SchemaDatasetFacet.json", None, {"fields": {"type": "array", "items": COLUMN}}),
    columnLineage=_facet(
        "1-2-0/ColumnLineageDatasetFacet.json",
        {
            "fields": {
                "type": "object",
                "additionalProperties": _object({"inputFields": {"type": "array", "items": FIELD}}),
            }
        },
        {"dataset": {"type": "array", "items": FIELD}},
    ),
    version=_facet("1-0-1/DatasetVersionDatasetFacet.json", {"datasetVersion": TEXT}),
    dataQualityAssertions=ASSERTIONS,
)
INPUT = _object(
    {"namespace": TEXT, "name": TEXT},
    {"facets": DATASET_FACETS, "inputFacets": _facets(dataQualityAssertions=ASSERTIONS)},
)
OUTPUT = _object(
    {"namespace": TEXT, "name": TEXT},
    {
        "facets": DATASET_FACETS,
        "outputFacets": _facets(
            outputStatistics=_facet(
                "1-0-2/OutputStatisticsOutputDatasetFacet.json",
                None,
                {"rowCount": COUNT, "size": COUNT, "fileCount": COUNT},
            )
        ),
    },
)
TAG = _object({"key": TEXT, "value": TEXT}, {"source": TEXT})
RUN_FACETS = _facets(
    tags=_facet("1-0-0/TagsRunFacet.json", None, {"tags": {"type": "array", "items": TAG}}),
    processing_engine=_facet(
        "1-1-1/ProcessingEngineRunFacet.json",
        {"version": TEXT},
        {"name": TEXT, "openlineageAdapterVersion": TEXT},
    ),
    errorMessage=_facet(
        "1-0-1/ErrorMessageRunFacet.json",
        {"message": TEXT, "programmingLanguage": TEXT},
        {"stackTrace": TEXT},
    ),
    nominalTime=_facet(
        "1-0-1/NominalTimeRunFacet.json",
        {"nominalStartTime": {"type": "string", "pattern": MOMENT}},
        {"nominalEndTime": {"type": "string", "pattern": MOMENT}},
    ),
)
JOB_FACETS = _facets(
    jobType=_facet(
        "2-0-4/JobTypeJobFacet.json",
        {"processingType": {"enum": ["BATCH", "STREAMING", "SERVICE"]}, "integration": TEXT},
        {"jobType": TEXT, "emissionPattern": {"type": "object"}},
    )
)
RUN_EVENT = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **_object(
        {
            "eventTime": {"type": "string", "pattern": MOMENT},
            "producer": {"type": "string", "pattern": URI},
            "schemaURL": {"const": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"},
            "run": _object({"runId": {"type": "string"}}, {"facets": RUN_FACETS}),
            "job": _object({"namespace": TEXT, "name": TEXT}, {"facets": JOB_FACETS}),
            "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
        },
        {"inputs": {"type": "array", "items": INPUT}, "outputs": {"type": "array", "items": OUTPUT}},
    ),
    "additionalProperties": False,
}
_VALIDATOR = jsonschema.Draft202012Validator(RUN_EVENT)


def valid(event: dict[str, Any]) -> None:
    """Raises for an event that is not as the specification asks."""
    _VALIDATOR.validate(event)
    UUID(event["run"]["runId"])
    assert re.match(URI, event["producer"])
