"""The JSON Schema of the catalog's export."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from lakehouse.catalog.entries import CATALOG_VERSION, CatalogExport

SCHEMA_ID = f"urn:dataplatform:catalog:{CATALOG_VERSION}"


@cache
def json_schema() -> dict[str, Any]:
    """Of draft 2020-12. Open: an export of a later version with the same first number fits it as well."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "Catalog of the data platform",
        **msgspec.json.schema(CatalogExport),
    }
