"""What the artefacts must hold, and what they must not."""

from __future__ import annotations

import csv
import email.message
import re
from pathlib import Path, PurePosixPath

from release.archives import sdist_names, sha256, wheel_files, wheel_metadata
from release.description import project_urls, relative_links

LICENCE = "Apache-2.0"
PACKAGE = "jwt_wsgi"
URL_LABELS = {"Changelog", "Documentation", "Issues", "Repository", "Security"}
TEST_FILE = re.compile(r"(test_.*|.*_test|conftest)\.py")


def problems_of_sdist(path: Path) -> list[str]:
    names = {name.partition("/")[2] for name in sdist_names(path)}
    needed = {"LICENSE", "CHANGELOG.md", "README.md", "setup.cfg", f"{PACKAGE}/py.typed"}
    return [*_tests_among(names, path), *_missing(needed - names, path)]


def problems_of_wheel(path: Path) -> list[str]:
    files = wheel_files(path)
    sboms = [name for name in files if ".dist-info/sboms/" in name]
    problems = [*_tests_among(set(files), path)]
    problems += _missing({f"{PACKAGE}/py.typed"} - files.keys(), path)
    problems += [f"{path.name} has a wrong hash of {name}" for name in _wrong_hashes(files)]
    problems += _problems_of_metadata(wheel_metadata(files))
    if len(sboms) != 1:
        problems.append(f"{path.name} has {len(sboms)} bills of materials, not 1")
    return problems


def _tests_among(names: set[str], path: Path) -> list[str]:
    found = sorted(
        name
        for name in names
        if "tests" in PurePosixPath(name).parts or TEST_FILE.fullmatch(PurePosixPath(name).name)
    )
    return [f"{path.name} has tests: {', '.join(found[:3])}"] if found else []


def _missing(names: set[str], path: Path) -> list[str]:
    return [f"{path.name} lacks {name}" for name in sorted(names)]


def _wrong_hashes(files: dict[str, bytes]) -> list[str]:
    (record,) = (name for name in files if name.endswith(".dist-info/RECORD"))
    recorded = {row[0]: row[1] for row in csv.reader(files[record].decode().splitlines())}
    wanted = {name: sha256(content) for name, content in files.items()} | {record: ""}
    return sorted(name for name in recorded | wanted if recorded.get(name) != wanted.get(name))


def _problems_of_metadata(metadata: email.message.Message) -> list[str]:
    problems = []
    if metadata["License-Expression"] != LICENCE:
        problems.append(f"License-Expression is {metadata['License-Expression']}, not {LICENCE}")
    labels = project_urls(metadata).keys()
    if labels != URL_LABELS:
        problems.append(f"Project-URL has {sorted(labels)}, not {sorted(URL_LABELS)}")
    if not metadata["Author"]:
        problems.append("Author is missing: write `author` in setup.cfg")
    links = relative_links(str(metadata.get_payload()))
    if links:
        problems.append(f"the description has links that PyPI cannot follow: {links}")
    return problems
