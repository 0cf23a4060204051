"""Check a wheel's classifiers and bill of materials against the lists of PyPI and of CycloneDX."""

from __future__ import annotations

import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from trove_classifiers import classifiers

from release.archives import wheel_files, wheel_metadata


def main(wheel: Path) -> int:
    files = wheel_files(wheel)
    unknown = set(wheel_metadata(files).get_all("Classifier", [])) - classifiers
    problems = [f"PyPI does not know the classifier {each}" for each in sorted(unknown)]
    for name in (name for name in files if ".dist-info/sboms/" in name):
        error = JsonStrictValidator(SchemaVersion.V1_7).validate_str(files[name].decode())
        if error is not None:
            problems.append(f"{name} is not valid: {error.data}")
    print(*problems or [f"{wheel.name}: classifiers and bill of materials are valid"], sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
