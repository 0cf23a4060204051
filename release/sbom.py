"""The software bill of materials of a wheel: CycloneDX 1.7, made from the wheel's metadata alone.

The wheel holds no code of others. The bill names the package and, as external components, what it
requires to run, with the versions that setup.cfg allows. The same metadata and date give the same
bytes.
"""

from __future__ import annotations

import datetime as dt
import email.message
import json
import uuid
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from release.declared import RUNTIME_EXTRAS
from release.description import project_urls

Component = dict[str, Any]
#: What CycloneDX calls the labels of `project_urls`.
REFERENCES = {
    "Changelog": "release-notes",
    "Documentation": "documentation",
    "Issues": "issue-tracker",
    "Repository": "vcs",
    "Security": "security-contact",
}


def bill_of_materials(metadata: email.message.Message, epoch: int) -> str:
    """Return the bill as JSON for the metadata of a wheel and the date of its commit."""
    package = _package(metadata)
    required = _required(metadata)
    serial = uuid.uuid5(uuid.NAMESPACE_URL, f"{package['purl']}#{epoch}")
    made = dt.datetime.fromtimestamp(epoch, dt.UTC)
    bill = {
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": made.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "lifecycles": [{"phase": "build"}],
            "authors": [{"name": metadata["Author"]}],
            "component": package,
        },
        "components": required,
        "dependencies": [
            {"ref": package["bom-ref"], "dependsOn": [each["bom-ref"] for each in required]},
            *({"ref": each["bom-ref"]} for each in required),
        ],
        # An installer chooses the versions, and what these packages require in turn.
        "compositions": [{"aggregate": "incomplete", "dependencies": [package["bom-ref"]]}],
    }
    return json.dumps(bill, indent=1, sort_keys=True) + "\n"


def _package(metadata: email.message.Message) -> Component:
    name = metadata["Name"]
    purl = f"pkg:pypi/{canonicalize_name(name)}@{metadata['Version']}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": metadata["Version"],
        "description": metadata["Summary"],
        "licenses": [{"expression": metadata["License-Expression"]}],
        "purl": purl,
        "supplier": {"name": metadata["Author"]},
        "externalReferences": [
            {"type": REFERENCES.get(label, "other"), "url": url}
            for label, url in sorted(project_urls(metadata).items())
        ],
    }


def _required(metadata: email.message.Message) -> list[Component]:
    """Return what the package requires to run; what an extra adds has the scope "optional"."""
    specifiers: dict[str, SpecifierSet] = {}
    mandatory = set()
    for text in metadata.get_all("Requires-Dist", []):
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        if _applies(requirement, extra=""):
            mandatory.add(name)
        elif not any(_applies(requirement, extra) for extra in RUNTIME_EXTRAS):
            continue
        specifiers[name] = specifiers.get(name, SpecifierSet()) & requirement.specifier
    return [
        _external(name, specifiers[name], "required" if name in mandatory else "optional")
        for name in sorted(specifiers)
    ]


def _applies(requirement: Requirement, extra: str) -> bool:
    """Tell whether an extra brings this package, on some Python or platform."""
    if requirement.marker is None:
        return True
    wanted = f'extra == "{extra}"'
    return wanted in str(requirement.marker) or (
        not extra and "extra ==" not in str(requirement.marker)
    )


def _external(name: str, specifier: SpecifierSet, scope: str) -> Component:
    ordered = sorted(specifier, key=lambda each: Version(each.version))
    bounds = "|".join(f"{each.operator}{each.version}" for each in ordered)
    component = {
        "type": "library",
        "bom-ref": f"pkg:pypi/{name}",
        "name": name,
        "purl": f"pkg:pypi/{name}",
        "scope": scope,
        "isExternal": True,
    }
    return {**component, "versionRange": f"vers:pypi/{bounds}"} if bounds else component
