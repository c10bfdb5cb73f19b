"""Writes a CycloneDX document: run by path in the environment of the release tools, which lacks ours.

Reads a JSON document from standard input: ``name``, ``version``, ``at`` (Unix seconds) and ``parts``, as
``runtime.release.components.Part`` has them. What it prints has been held to CycloneDX's own schema.
"""

from __future__ import annotations

import json
import sys
import uuid
from datetime import UTC, datetime
from typing import Any

from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL


def document(told: dict[str, Any]) -> str:
    """The same input gives the same text. Raises ValueError for one that the schema refuses."""
    licenses = LicenseFactory()
    bom = Bom()
    root = Component(
        name=told["name"],
        version=told["version"],
        type=ComponentType.APPLICATION,
        licenses=[licenses.make_from_string("Apache-2.0")],
        bom_ref=told["name"],
    )
    bom.metadata.component = root
    bom.metadata.timestamp = datetime.fromtimestamp(told["at"], UTC)
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(told, sort_keys=True))
    known: dict[str, Component] = {}
    for part in told["parts"]:
        known[part["purl"]] = component = Component(
            name=part["name"],
            version=part["version"] or None,
            type=ComponentType.LIBRARY,
            purl=PackageURL.from_string(part["purl"]),
            bom_ref=part["purl"],
            # Of several files that it may come as, the constraints beside this document have all hashes.
            hashes=[
                *(HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in _only(part["sha256"])),
                *(HashType(alg=HashAlgorithm.SHA_512, content=digest) for digest in _only(part["sha512"])),
            ],
            licenses=[licenses.make_from_string(part["license"])] if part["license"] else [],
        )
        bom.components.add(component)
    direct = [
        component for part, component in zip(told["parts"], known.values(), strict=True) if not part["within"]
    ]
    bom.register_dependency(root, direct)
    for part in told["parts"]:
        if part["within"] in known:
            bom.register_dependency(known[part["within"]], [known[part["purl"]]])
    text: str = JsonV1Dot6(bom).output_as_string(indent=1)
    if (wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)) is not None:
        raise ValueError(f"the document is not CycloneDX: {wrong}")
    return text


def _only(digests: list[str]) -> list[str]:
    return digests if len(digests) == 1 else []


if __name__ == "__main__":
    sys.stdout.write(document(json.load(sys.stdin)) + "\n")
