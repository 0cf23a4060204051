"""Say what the last commit lacks to be published: `make release-check`.

The workflow of releases runs it before it publishes anything.
"""

from __future__ import annotations

import datetime as dt
import re
import subprocess
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from packaging.version import InvalidVersion, Version

from release.declared import CHECKOUT, setup_cfg, version

#: The reserved name that stands in setup.cfg for the host of the repository.
PLACEHOLDER = "repository.example"


def main() -> int:
    today = dt.datetime.now(dt.UTC).date()
    problems = problems_of(CHECKOUT, tags_of_commit(CHECKOUT), today)
    if _git(CHECKOUT, "status", "--porcelain"):
        problems.append("commit: some changes are not committed")
    print(*(f"release: {problem}" for problem in problems), sep="\n", end="\n" if problems else "")
    print(f"release: {version()} {'is not ready' if problems else 'is ready to be published'}")
    return 1 if problems else 0


def _git(checkout: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(
        command, cwd=checkout, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


def tags_of_commit(checkout: Path) -> dict[str, bool]:
    """Return the tags of the last commit, and whether each is an object with a signature.

    Whose signature it is remains to be verified, with keys that the reader trusts.
    """
    fields = "--format=%(objecttype) %(contents:signature)"
    signed = {}
    for tag in _git(checkout, "tag", "--points-at", "HEAD").split():
        described = _git(checkout, "for-each-ref", fields, f"refs/tags/{tag}")
        signed[tag] = described.startswith("tag -----BEGIN ")
    return signed


def problems_of(checkout: Path, tags: Mapping[str, bool], today: dt.date) -> list[str]:
    """Return what must be changed before a commit can be published.

    Args:
        checkout: The folder of the commit.
        tags: The tags of the commit, and whether each is signed.
        today: The date in UTC.
    """
    released = version(checkout)
    changelog = (checkout / "CHANGELOG.md").read_text(encoding="utf-8")
    urls = setup_cfg(checkout).get("metadata", "project_urls", raw=True)
    return [
        *_problems_of_version(released, tags),
        *_problems_of_changelog(released, sections_of(changelog), today),
        *_problems_of_urls(urls),
    ]


def _problems_of_version(released: str, tags: Mapping[str, bool]) -> list[str]:
    parsed = parsed_version(released)
    if parsed is None or str(parsed) != released or parsed.is_devrelease or parsed.local:
        return [f"setup.cfg: version = {released}: write it as in 1.2.3 or 1.2.3rc1"]
    tag = f"v{released}"
    if tag not in tags:
        return [f"tag: the commit has {', '.join(tags) or 'no tag'}: run git tag -s {tag}"]
    if not tags[tag]:
        return [f"tag: {tag} is not signed: run git tag -d {tag}, then git tag -s {tag}"]
    return []


def parsed_version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


class Section(NamedTuple):
    """A section of the changelog.

    Attributes:
        name: "Unreleased" or a version.
        date: What stands for its date, such as "2026-01-31".
        text: What is below its heading, without white space around it.
    """

    name: str
    date: str
    text: str


def sections_of(changelog: str) -> list[Section]:
    parts = re.split(r"^## (.*)$", changelog, flags=re.MULTILINE)[1:]
    sections = []
    for heading, text in zip(parts[::2], parts[1::2], strict=True):
        name, _, date = heading.partition(" - ")
        sections.append(Section(name.strip(" []"), date.strip(), text.strip()))
    return sections


def _problems_of_changelog(released: str, sections: list[Section], today: dt.date) -> list[str]:
    """Return the first problem alone: the others often follow from it."""
    if not sections or sections[0].name != "Unreleased":
        return ["CHANGELOG.md: the first section is not Unreleased: add it, empty"]
    unreleased, *releases = sections
    if not releases or releases[0].name != released:
        return [f"CHANGELOG.md: add the heading '## {released} - DATE' under Unreleased"]
    if unreleased.text:
        return [f"CHANGELOG.md: move what is under Unreleased under {released}"]
    newest, *earlier = releases
    if not newest.text:
        return [f"CHANGELOG.md: {released} has no text: say what a user must know"]
    return _problems_of_order(releases) or _problems_of_date(newest, earlier, today)


def _problems_of_order(releases: list[Section]) -> list[str]:
    """Return the first release that does not follow a lower one; older sections stand below."""
    for newer, older in pairwise(releases):
        above, below = parsed_version(newer.name), parsed_version(older.name)
        if above is not None and below is not None and above <= below:
            return [f"CHANGELOG.md: {newer.name} stands above {older.name}: versions must rise"]
    return []


def _problems_of_date(newest: Section, earlier: list[Section], today: dt.date) -> list[str]:
    date = date_of(newest)
    if date is None:
        return [f"CHANGELOG.md: {newest.name} has no date: write it as in 2026-01-31"]
    if date > today:
        return [
            f"CHANGELOG.md: {newest.name} is dated in the future, {date}: today is {today} (UTC)"
        ]
    before = date_of(earlier[0]) if earlier else None
    if before is not None and date < before:
        return [f"CHANGELOG.md: {newest.name} is dated before {earlier[0].name}, {before}"]
    return []


def date_of(section: Section) -> dt.date | None:
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", section.date) is None:
        return None
    try:
        return dt.date.fromisoformat(section.date)
    except ValueError:
        return None


def _problems_of_urls(urls: str) -> list[str]:
    """Return what is wrong with the lines `Label = URL`."""
    if PLACEHOLDER in urls:
        return [f"setup.cfg: project_urls = …{PLACEHOLDER}…: write the URLs of your repository"]
    pairs = (line.partition("=") for line in urls.strip().splitlines())
    return [
        f"setup.cfg: project_urls: {label.strip()} = {url.strip()}: write a URL with https://"
        for label, _, url in pairs
        if not url.strip().startswith("https://")
    ]


if __name__ == "__main__":
    sys.exit(main())
