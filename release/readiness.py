"""Say what the last commit lacks to be published: `make release-check`.

The workflow of releases runs it before it publishes anything.
"""

from __future__ import annotations

import datetime as dt
import re
import subprocess
import sys
from pathlib import Path

from packaging.version import InvalidVersion, Version

from release.declared import CHECKOUT, setup_cfg, version

#: The reserved name that stands in setup.cfg for the host of the repository.
PLACEHOLDER = "repository.example"


def main() -> int:
    tags = _git("tag", "--points-at", "HEAD").split()
    problems = problems_of(CHECKOUT, tags)
    if _git("status", "--porcelain"):
        problems.append("commit: some changes are not committed")
    print(*(f"release: {problem}" for problem in problems), sep="\n", end="\n" if problems else "")
    print(f"release: {version()} {'is not ready' if problems else 'is ready to be published'}")
    return 1 if problems else 0


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(
        command, cwd=CHECKOUT, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


def problems_of(checkout: Path, tags: list[str]) -> list[str]:
    """Return what must be changed before the commit with these tags can be published."""
    released = version(checkout)
    changelog = (checkout / "CHANGELOG.md").read_text(encoding="utf-8")
    return [
        *_problems_of_version(released, tags),
        *_problems_of_changelog(released, changelog),
        *_problems_of_urls(setup_cfg(checkout)["metadata"]["project_urls"]),
    ]


def _problems_of_version(released: str, tags: list[str]) -> list[str]:
    try:
        canonical = str(Version(released))
    except InvalidVersion:
        canonical = ""
    if canonical != released:
        return [f"setup.cfg: version = {released}: write it as in 1.2.3 or 1.2.3rc1"]
    if f"v{released}" not in tags:
        return [f"tag: the commit has {tags or 'no tag'}: run git tag -s v{released}"]
    return []


def _problems_of_changelog(released: str, changelog: str) -> list[str]:
    headings = re.findall(r"^## \[?([^\s\]]+)\]?(?: - (\S+))?$", changelog, re.MULTILINE)
    if not headings or headings[0][0] != "Unreleased":
        return ["CHANGELOG.md: the first section is not Unreleased: add it, empty"]
    if len(headings) == 1 or headings[1][0] != released:
        return [f"CHANGELOG.md: add the heading '## {released} - DATE' under Unreleased"]
    try:
        dt.date.fromisoformat(headings[1][1])
    except ValueError:
        return [f"CHANGELOG.md: {released} has no date: write it as in 2026-01-31"]
    unreleased = re.split(r"^## .*$", changelog, flags=re.MULTILINE)[1]
    if unreleased.strip():
        return [f"CHANGELOG.md: move what is under Unreleased under {released}"]
    return []


def _problems_of_urls(urls: str) -> list[str]:
    if PLACEHOLDER in urls:
        return [f"setup.cfg: project_urls = …{PLACEHOLDER}…: write the URLs of your repository"]
    return []


if __name__ == "__main__":
    sys.exit(main())
