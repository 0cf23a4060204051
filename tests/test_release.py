"""The tools of releases: archives, bill of materials, pins, licences, audit and readiness."""

from __future__ import annotations

import configparser
import datetime as dt
import email.message
import json
import random
import re
import shutil
import subprocess
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable
from importlib.metadata import Distribution
from importlib.metadata import version as installed_version
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from release import archives, artefacts, licences, readiness, vulnerabilities
from release.contents import problems_of_sdist, problems_of_wheel
from release.declared import CORE_TOOLS, RUNTIME_EXTRAS, requirements_of, version
from release.description import relative_links, with_absolute_links
from release.sbom import bill_of_materials
from release.skip_absent import absent_module

CHECKOUT = Path(__file__).resolve().parent.parent
EPOCH = 1_800_000_000
LOCKS = sorted((CHECKOUT / "requirements").glob("*.txt"))
PIN = re.compile(r"^([\w.-]+)==(\S+)(?: ; (.*?))? \\$", re.MULTILINE)
#: The environments that a lock must serve, one for each supported Python.
PYTHONS = ("3.11", "3.12", "3.13", "3.14", "3.15")


# --- the artefacts


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the checkout, so that old builds stay out of it."""
    source = tmp_path_factory.mktemp("checkout") / "source"
    left_out = shutil.ignore_patterns(
        ".*", "build", "dist", "*.egg-info", "__pycache__", "node_modules"
    )
    shutil.copytree(CHECKOUT, source, ignore=left_out)
    return source


@pytest.fixture(scope="module")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return artefacts.build_twice(source, tmp_path_factory.mktemp("builds"), EPOCH)


@pytest.mark.slow
def test_two_builds_are_equal_and_without_problems(built: list[Path]) -> None:
    sdist, wheel = built
    assert problems_of_sdist(sdist) == []
    assert problems_of_wheel(wheel) == []


@pytest.mark.slow
def test_the_artefacts_have_the_date_of_the_commit_and_one_mode(built: list[Path]) -> None:
    sdist, wheel = built
    with tarfile.open(sdist) as archive:
        members = archive.getmembers()
    assert {(member.mtime, member.uid, member.uname) for member in members} == {(EPOCH, 0, "")}
    assert {member.mode for member in members if member.isfile()} == {0o644}
    with zipfile.ZipFile(wheel) as packed:
        entries = packed.infolist()
    assert {entry.date_time for entry in entries} == {(2027, 1, 15, 8, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}
    assert entries[-1].filename.endswith("/RECORD")


@pytest.mark.slow
def test_both_artefacts_have_the_same_description_without_relative_links(built: list[Path]) -> None:
    sdist, wheel = built
    with tarfile.open(sdist) as archive:
        infos = [
            archive.extractfile(member).read()  # type: ignore[union-attr]
            for member in archive.getmembers()
            if member.name.endswith("/PKG-INFO")
        ]
    files = archives.wheel_files(wheel)
    assert {*infos} == {files[metadata_name(files)]}
    description = archives.wheel_metadata(files).get_payload()
    assert relative_links((CHECKOUT / "README.md").read_text(encoding="utf-8"))
    assert relative_links(description) == []
    assert f"/blob/v{version()}/docs/tutorial.md)" in description


@pytest.mark.slow
def test_an_order_that_changes_fails_the_build(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(1)

    def shuffled(names: Iterable[str]) -> list[str]:
        ordered = [*names]
        chance.shuffle(ordered)
        return ordered

    monkeypatch.setattr(archives, "sorted", shuffled, raising=False)
    with pytest.raises(SystemExit, match=r"dist: two builds differ in .*\.tar\.gz, .*\.whl"):
        artefacts.build_twice(source, tmp_path, EPOCH)


def rebuilt_wheel(built: list[Path], folder: Path, change: object) -> Path:
    wheel = folder / built[1].name
    files = archives.wheel_files(built[1])
    change(files)  # type: ignore[operator]
    archives.write_wheel(wheel, files, EPOCH)
    return wheel


def metadata_name(files: dict[str, bytes]) -> str:
    return next(name for name in files if name.endswith(".dist-info/METADATA"))


def without_py_typed(files: dict[str, bytes]) -> None:
    del files["jwt_wsgi/py.typed"]


def with_a_test(files: dict[str, bytes]) -> None:
    files["jwt_wsgi/test_auth.py"] = b""


def without_sbom(files: dict[str, bytes]) -> None:
    del files[next(name for name in files if "/sboms/" in name)]


def with_another_licence(files: dict[str, bytes]) -> None:
    name = metadata_name(files)
    files[name] = files[name].replace(b"License-Expression: Apache-2.0", b"License-Expression: MIT")


def without_urls(files: dict[str, bytes]) -> None:
    name = metadata_name(files)
    files[name] = files[name].replace(b"Project-URL", b"X-Project-URL")


def without_author(files: dict[str, bytes]) -> None:
    name = metadata_name(files)
    files[name] = files[name].replace(b"\nAuthor:", b"\nX-Author:")


def with_a_relative_link(files: dict[str, bytes]) -> None:
    files[metadata_name(files)] += b"\nSee [the tutorial](docs/tutorial.md).\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param(without_py_typed, "lacks jwt_wsgi/py.typed", id="no py.typed"),
        pytest.param(with_a_test, "has tests: jwt_wsgi/test_auth.py", id="a test"),
        pytest.param(without_sbom, "has 0 bills of materials", id="no bill of materials"),
        pytest.param(with_another_licence, "License-Expression is MIT", id="another licence"),
        pytest.param(without_urls, "Project-URL has []", id="no URLs"),
        pytest.param(without_author, "Author is missing", id="no author"),
        pytest.param(with_a_relative_link, "['docs/tutorial.md']", id="a relative link"),
    ],
)
def test_a_wheel_with_a_defect_is_a_problem(
    built: list[Path], tmp_path: Path, change: object, problem: str
) -> None:
    (found,) = problems_of_wheel(rebuilt_wheel(built, tmp_path, change))
    assert problem in found


@pytest.mark.slow
def test_a_wheel_with_a_changed_file_is_a_problem(built: list[Path], tmp_path: Path) -> None:
    wheel = Path(shutil.copy(built[1], tmp_path))
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("jwt_wsgi/more.py", b"")
    (found,) = problems_of_wheel(wheel)
    assert "wrong hash of jwt_wsgi/more.py" in found


@pytest.mark.slow
def test_tests_in_the_source_archive_are_a_problem(source: Path, tmp_path: Path) -> None:
    other = tmp_path / "source"
    shutil.copytree(source, other)
    (other / "MANIFEST.in").write_text("include CHANGELOG.md\n")
    sdist, _ = artefacts.build(other, tmp_path / "dist", EPOCH, 0o022, {})
    (found,) = problems_of_sdist(sdist)
    assert "has tests: tests, tests/test_" in found


# --- the description


ROOT = "https://git.jwt-wsgi.test/o/jwt-wsgi/blob/v1.2.3/"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("[a](docs/a.md)", f"[a]({ROOT}docs/a.md)", id="a page"),
        pytest.param("[a](docs/a.md#b)", f"[a]({ROOT}docs/a.md#b)", id="a place on a page"),
        pytest.param(
            "[a](A.md), [b](B.md)", f"[a]({ROOT}A.md), [b]({ROOT}B.md)", id="two in a line"
        ),
        pytest.param("![a](docs/a.svg)", f"![a]({ROOT}docs/a.svg)", id="an image"),
        pytest.param("[a](https://a.test/)", None, id="a URL"),
        pytest.param("[a](mailto:a@a.test)", None, id="an address"),
        pytest.param("[a](#b)", None, id="a place on the page itself"),
        pytest.param("```python\nhooks[a](docs)\n```", None, id="code"),
        pytest.param("```\nx\n```\n\n[a](b)\n", f"```\nx\n```\n\n[a]({ROOT}b)\n", id="after code"),
    ],
)
def test_links_of_the_description_name_files_of_the_tag(written: str, expected: str | None) -> None:
    fields = "Version: 1.2.3\nProject-URL: Repository, https://git.jwt-wsgi.test/o/jwt-wsgi/\n\n"
    changed = with_absolute_links((fields + written).encode()).decode()
    assert changed == fields + (expected or written)
    assert relative_links(changed.removeprefix(fields)) == []


# --- the bill of materials


def metadata(*lines: str) -> email.message.Message:
    text = ["Name: jwt-wsgi", "Version: 1.2.3", "Summary: s", "License-Expression: Apache-2.0"]
    text += ["Author: A", "Project-URL: Security, https://git.jwt-wsgi.test/security"]
    text += ["Project-URL: Chat, https://chat.jwt-wsgi.test/"]
    return archives.wheel_metadata({"x.dist-info/METADATA": "\n".join([*text, *lines]).encode()})


def test_the_bill_names_the_package_and_what_it_requires_to_run() -> None:
    bill = json.loads(
        bill_of_materials(
            metadata(
                "Requires-Dist: urllib3<3,>=2.2",
                'Requires-Dist: WebOb>=1.8.8; extra == "app"',
                'Requires-Dist: orjson>=3.10; python_version < "3.15" and extra == "speed"',
                'Requires-Dist: pytest>=8; extra == "test"',
            ),
            EPOCH,
        )
    )
    assert bill["metadata"]["component"]["purl"] == "pkg:pypi/jwt-wsgi@1.2.3"
    assert bill["metadata"]["timestamp"] == "2027-01-15T08:00:00Z"
    assert bill["metadata"]["authors"] == [{"name": "A"}]
    assert bill["metadata"]["component"]["supplier"] == {"name": "A"}
    assert bill["metadata"]["component"]["externalReferences"] == [
        {"type": "other", "url": "https://chat.jwt-wsgi.test/"},
        {"type": "security-contact", "url": "https://git.jwt-wsgi.test/security"},
    ]
    assert [(each["name"], each["scope"], each["versionRange"]) for each in bill["components"]] == [
        ("orjson", "optional", "vers:pypi/>=3.10"),
        ("urllib3", "required", "vers:pypi/>=2.2|<3"),
        ("webob", "optional", "vers:pypi/>=1.8.8"),
    ]


def test_the_same_metadata_and_date_give_the_same_bill() -> None:
    bills = [bill_of_materials(metadata(), epoch) for epoch in (EPOCH, EPOCH, EPOCH + 1)]
    assert bills[0] == bills[1]
    assert json.loads(bills[0])["serialNumber"] != json.loads(bills[2])["serialNumber"]


# --- the pins and the bounds


def pins(lock: str) -> list[tuple[str, str, str | None]]:
    text = (CHECKOUT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    return [(name, pinned, marker or None) for name, pinned, marker in PIN.findall(text)]


def pinned_for(lock: str, python: str) -> dict[str, str]:
    """Return the versions that a lock installs on Linux with this Python."""
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "sys_platform": "linux",
    }
    return {
        name: pinned
        for name, pinned, marker in pins(lock)
        if marker is None or Marker(marker).evaluate(environment)
    }


def declared(*extras: str | None) -> list[Requirement]:
    """Return what the extras require, with the extras that they contain."""
    return [Requirement(text) for extra in extras for text in requirements_of(extra)]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_a_lock_has_a_hash_for_each_pin_and_names_no_host(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(entries) == len(PIN.findall(text)) > 5
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"https?://|--index-url|--find-links|^/", text, re.MULTILINE)


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", ["app", "docs", "test", "fuzz", "mutmut"])
def test_a_lock_fulfils_what_setup_cfg_asks(lock: str, python: str) -> None:
    pinned = pinned_for(lock, python)
    environment = {"python_version": python, "python_full_version": f"{python}.9"}
    for requirement in declared(None, lock):
        if requirement.marker and not requirement.marker.evaluate({**environment, "extra": ""}):
            continue
        name = canonicalize_name(requirement.name)
        assert requirement.specifier.contains(pinned[name], prereleases=True), requirement


@pytest.mark.parametrize("lock", ["app", "docs", "fuzz", "mutmut"])
def test_the_other_locks_have_the_versions_of_the_tests(lock: str) -> None:
    tested = set(pins("test"))
    names = {name for name, _, _ in tested}
    assert {pin for pin in pins(lock) if pin[0] in names} <= tested


def test_the_floors_are_the_bounds_of_setup_cfg() -> None:
    pinned = pinned_for("floors", "3.11")
    tools = [each for each in declared("test") if canonicalize_name(each.name) in CORE_TOOLS]
    for requirement in [*declared(None, *RUNTIME_EXTRAS), *tools]:
        floors = [each for each in requirement.specifier if each.operator == ">="]
        assert len(floors) == 1, f"{requirement}: write a lower bound"
        floor = Version(floors[0].version)
        name = canonicalize_name(requirement.name)
        assert Version(pinned[name]) == floor, f"{requirement}: run make pins and make test-floors"


def test_the_build_has_the_bound_of_its_requirements() -> None:
    pyproject = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    (required,) = pyproject["build-system"]["requires"]
    lines = (CHECKOUT / "requirements" / "build.in").read_text().splitlines()
    (written,) = (line for line in lines if not line.startswith("#"))
    assert Requirement(written) == Requirement(required)


def test_only_absent_packages_of_the_list_are_skipped() -> None:
    def raised(name: str) -> Exception:
        error = RuntimeError("an import failed")
        error.__cause__ = ModuleNotFoundError(f"No module named {name!r}", name=name)
        return error

    assert absent_module(raised("jwt_wsgi.absent")) is None
    assert absent_module(raised("urllib3.absent")) is None
    assert absent_module(raised("mcp.client")) == "mcp"
    assert absent_module(ValueError("no import")) is None


# --- the version


def test_the_version_stands_in_one_place() -> None:
    assert installed_version("jwt-wsgi") == version()
    pattern = re.compile(rf"(?<![\d.]){re.escape(version())}(?![\d.])")
    written = configparser.ConfigParser()
    written.read(CHECKOUT / "setup.cfg")
    texts = [CHECKOUT / "pyproject.toml", *(CHECKOUT / "jwt_wsgi").rglob("*.py")]
    assert [path for path in texts if pattern.search(path.read_text(encoding="utf-8"))] == []


def test_the_newest_release_of_the_changelog_is_not_newer_than_the_version() -> None:
    text = (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## \[?(\d[^\s\]]*)", text, re.MULTILINE)
    assert all(Version(each) <= Version(version()) for each in released)
    assert released == sorted(released, key=Version, reverse=True)


# --- readiness


TODAY = dt.date(2026, 2, 1)
CHANGELOG = "# Changelog\n\n## Unreleased\n\n## 1.2.3 - 2026-01-31\n\n- A change.\n"
EARLIER = "\n## 1.2.2 - 2026-01-30\n\n- Another.\n"
URLS = "Repository = https://git.jwt-wsgi.test/jwt-wsgi"


def project(
    folder: Path, changelog: str = CHANGELOG, number: str = "1.2.3", urls: str = URLS
) -> Path:
    (folder / "CHANGELOG.md").write_text(changelog)
    text = f"[metadata]\nversion = {number}\nproject_urls =\n    {urls}\n"
    (folder / "setup.cfg").write_text(text)
    return folder


def test_a_tagged_commit_with_changelog_and_urls_is_ready(tmp_path: Path) -> None:
    assert readiness.problems_of(project(tmp_path), {"v1.2.3": True}, TODAY) == []


@pytest.mark.parametrize(
    "changelog",
    [
        pytest.param(CHANGELOG.replace("2026-01-31", "2026-02-01"), id="dated today"),
        pytest.param(CHANGELOG + EARLIER, id="an earlier release"),
        pytest.param(CHANGELOG + EARLIER.replace("-30", "-31"), id="two releases of one day"),
        pytest.param(CHANGELOG.replace("1.2.3 ", "[1.2.3] "), id="a heading that is a link"),
    ],
)
def test_a_changelog_is_ready(tmp_path: Path, changelog: str) -> None:
    checkout = project(tmp_path, changelog=changelog)
    assert readiness.problems_of(checkout, {"v1.2.3": True}, TODAY) == []


def dated(date: str) -> dict[str, str]:
    return {"changelog": CHANGELOG.replace("2026-01-31", date)}


def numbered(number: str) -> dict[str, str]:
    return {"number": number, "changelog": CHANGELOG.replace("1.2.3", number)}


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        pytest.param(numbered("1.2.3-0"), "as in 1.2.3", id="an odd version"),
        pytest.param(numbered("1.2.3.dev1"), "as in 1.2.3", id="a development version"),
        pytest.param(numbered("1.2.3+x"), "as in 1.2.3", id="a local version"),
        pytest.param(
            {"changelog": CHANGELOG.replace("## Unreleased\n", "")},
            "not Unreleased",
            id="nothing unreleased",
        ),
        pytest.param({"changelog": "# Changelog\n"}, "not Unreleased", id="no section"),
        pytest.param(
            {"changelog": CHANGELOG.replace("1.2.3", "1.2.2")},
            "add the heading '## 1.2.3 - DATE'",
            id="not in the changelog",
        ),
        pytest.param(
            {"changelog": CHANGELOG.replace("Unreleased\n", "Unreleased\n\n- More.\n")},
            "move what is under Unreleased",
            id="something unreleased",
        ),
        pytest.param(
            {"changelog": CHANGELOG.replace("- A change.\n", "")}, "no text", id="an empty section"
        ),
        pytest.param(
            {"changelog": CHANGELOG.replace(" - 2026-01-31", "")}, "has no date", id="no date"
        ),
        pytest.param(dated("today"), "has no date", id="a word for a date"),
        pytest.param(dated("20260131"), "has no date", id="a date without dashes"),
        pytest.param(dated("2026-W05-6"), "has no date", id="a date of a week"),
        pytest.param(dated("2026-02-30"), "has no date", id="a day that does not exist"),
        pytest.param(dated("2026-02-02"), "today is 2026-02-01", id="tomorrow"),
        pytest.param(
            {"changelog": CHANGELOG + EARLIER.replace("01-30", "02-01")},
            "dated before 1.2.2",
            id="a date before the earlier release",
        ),
        pytest.param(
            {"changelog": CHANGELOG + EARLIER.replace("1.2.2", "1.2.3")},
            "1.2.3 stands above 1.2.3",
            id="a version twice",
        ),
        pytest.param(
            {"changelog": CHANGELOG + EARLIER.replace("1.2.2", "1.10.0")},
            "1.2.3 stands above 1.10.0",
            id="a version lower than the earlier one",
        ),
        pytest.param(
            {"urls": "Repository = https://repository.example/jwt-wsgi"},
            "URLs of your repository",
            id="a placeholder",
        ),
        pytest.param({"urls": "Issues = TODO"}, "Issues = TODO", id="no URL"),
        pytest.param({"urls": "Issues = http://a.test/%20"}, "https://", id="a URL without TLS"),
    ],
)
def test_what_is_not_ready_is_named_with_its_remedy(
    tmp_path: Path, changed: dict[str, str], problem: str
) -> None:
    tags = {f"v{changed.get('number', '1.2.3')}": True}
    (found,) = readiness.problems_of(project(tmp_path, **changed), tags, TODAY)
    assert problem in found


@pytest.mark.parametrize(
    ("tags", "problem"),
    [
        pytest.param({}, "no tag", id="no tag"),
        pytest.param({"v1.2.4": True}, "git tag -s v1.2.3", id="another tag"),
        pytest.param({"1.2.3": True}, "git tag -s v1.2.3", id="no v"),
        pytest.param({"v1.2.3": False}, "not signed", id="no signature"),
    ],
)
def test_a_release_needs_its_signed_tag(
    tmp_path: Path, tags: dict[str, bool], problem: str
) -> None:
    (found,) = readiness.problems_of(project(tmp_path), tags, TODAY)
    assert problem in found


def git(repository: Path, *arguments: str, text: str | None = None) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@a.test", "-c", "tag.gpgSign=false"]
    command = ["git", *identity, *arguments]
    return subprocess.run(
        command, cwd=repository, check=True, input=text, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


def test_a_signature_is_seen_in_the_object_of_a_tag(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--no-gpg-sign", "--message=a")
    commit = git(tmp_path, "rev-parse", "HEAD")
    expected = {"lightweight": False, "annotated": False}
    git(tmp_path, "tag", "lightweight")
    git(tmp_path, "tag", "--annotate", "--message=a", "annotated")
    for name, kind in [
        ("gpg", "PGP SIGNATURE"),
        ("ssh", "SSH SIGNATURE"),
        ("x509", "SIGNED MESSAGE"),
    ]:
        fields = f"object {commit}\ntype commit\ntag {name}\ntagger A <a@a.test> 0 +0000\n"
        signature = f"-----BEGIN {kind}-----\n\nAAAA\n-----END {kind}-----\n"
        tag = git(tmp_path, "mktag", text=f"{fields}\na\n{signature}")
        git(tmp_path, "update-ref", f"refs/tags/{name}", tag)
        expected[name] = True
    assert readiness.tags_of_commit(tmp_path) == expected


# --- licences


@pytest.mark.parametrize(
    ("expression", "verdict"),
    [
        pytest.param("MIT", True, id="allowed"),
        pytest.param("GPL-3.0-only", False, id="not allowed"),
        pytest.param("", False, id="nothing said"),
        pytest.param("GPL-3.0-only OR MIT", True, id="a choice"),
        pytest.param("GPL-3.0-only AND MIT", False, id="both"),
        pytest.param("MIT AND (GPL-3.0-only OR MIT)", False, id="nested, judged strictly"),
        pytest.param("MIT AND (MIT OR ISC)", True, id="nested, all allowed"),
    ],
)
def test_a_licence_is_allowed_or_not(expression: str, verdict: bool) -> None:
    assert licences.is_allowed(expression, {"MIT", "ISC"}) is verdict


class InstalledPackage(Distribution):
    """A package with these lines of metadata."""

    def __init__(self, *lines: str) -> None:
        self._lines = lines

    def read_text(self, filename: str) -> str | None:
        return "\n".join(self._lines) if filename == "METADATA" else None

    def locate_file(self, path: object) -> Path:
        raise NotImplementedError


CLASSIFIER = "Classifier: License :: OSI Approved :: MIT License"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(["License-Expression: MIT", "License: other"], "MIT", id="an expression"),
        pytest.param(["License: MIT", CLASSIFIER], "MIT", id="a text"),
        pytest.param([CLASSIFIER], "MIT License", id="a classifier alone"),
        pytest.param(["Name: silent"], "", id="nothing"),
    ],
)
def test_the_first_field_that_states_a_licence_is_read(lines: list[str], expected: str) -> None:
    assert licences.stated_licence(InstalledPackage(*lines)) == expected


def test_the_licences_of_the_runtime_dependencies_are_allowed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert licences.main() == 0, capsys.readouterr().out


def test_a_licence_that_is_not_allowed_names_the_package() -> None:
    packages = licences.runtime_packages("jwt-wsgi", ())
    assert {"josepy", "cryptography", "urllib3", "cffi"} <= packages.keys()
    problems = licences.problems_of(packages, {"Apache-2.0"}, {})
    assert any(problem.startswith("urllib3 ") and "'MIT'" in problem for problem in problems)


# --- vulnerabilities


ACCEPTED = """
[[accepted]]
id = "CVE-2026-1"
package = "bad"
reason = "not reached"
until = 2026-02-01
"""


def report(*dependencies: dict[str, object], today: dt.date = TODAY) -> vulnerabilities.Report:
    accepted = vulnerabilities.read_accepted(ACCEPTED)
    output = json.dumps({"dependencies": dependencies})
    return vulnerabilities.read_report(output, "", accepted, today)


GOOD = {"name": "good", "version": "1", "vulns": []}
BAD = {"name": "bad", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
#: A vulnerability that is accepted under its other name, until the day TODAY.
NAMED = {"id": "PYSEC-2", "aliases": ["CVE-2026-1"], "fix_versions": []}
ACCEPTED_ONE = {"name": "bad", "version": "2", "vulns": [NAMED]}
IN_ANOTHER_PACKAGE = {"name": "other", "version": "2", "vulns": [NAMED]}
UNKNOWN = {"name": "unknown", "skip_reason": "Dependency not found"}


@pytest.mark.parametrize(
    ("found", "said", "status", "status_if_required"),
    [
        pytest.param(report(GOOD), "1 packages audited, 0 vuln", 0, 0, id="good"),
        pytest.param(report(GOOD, BAD), "1 vulnerabilities", 1, 1, id="vulnerable"),
        pytest.param(
            report(GOOD, ACCEPTED_ONE), "0 vulnerabilities, 1 accepted", 0, 0, id="accepted"
        ),
        pytest.param(
            report(ACCEPTED_ONE, today=TODAY + dt.timedelta(days=1)),
            "1 vulnerabilities",
            1,
            1,
            id="accepted until yesterday",
        ),
        pytest.param(
            report(IN_ANOTHER_PACKAGE), "1 vulnerabilities", 1, 1, id="accepted for another package"
        ),
        pytest.param(report(GOOD, UNKNOWN), "1 NOT TRIED", 0, 1, id="partly unknown"),
        pytest.param(
            vulnerabilities.read_report("", "Traceback\nConnectionError: no route", [], TODAY),
            "NOT TRIED, the service is not reachable: ConnectionError: no route",
            0,
            1,
            id="no service",
        ),
    ],
)
def test_vulnerable_and_not_tried_are_two_things(
    found: vulnerabilities.Report, said: str, status: int, status_if_required: int
) -> None:
    assert said in vulnerabilities.summary(found)
    assert vulnerabilities.status([found], required=False) == status
    assert vulnerabilities.status([found], required=True) == status_if_required


def test_a_vulnerability_is_named_with_the_version_that_fixes_it() -> None:
    assert report(BAD).vulnerable == ["bad 2: PYSEC-1, fixed in 3"]


def test_an_entry_that_is_over_is_named_with_its_date() -> None:
    (found,) = report(ACCEPTED_ONE, today=TODAY + dt.timedelta(days=1)).vulnerable
    assert "accepted until 2026-02-01" in found


def test_the_file_of_accepted_vulnerabilities_can_be_read() -> None:
    entries = vulnerabilities.read_accepted(vulnerabilities.ACCEPTED.read_text(encoding="utf-8"))
    assert all(entry.reason and type(entry.until) is dt.date for entry in entries)


def test_an_entry_without_a_date_is_an_error() -> None:
    with pytest.raises(TypeError, match="until"):
        vulnerabilities.read_accepted('[[accepted]]\nid = "A"\npackage = "b"\nreason = "c"\n')


# --- the workflow


def test_every_action_is_pinned_to_a_commit_with_its_version_beside_it() -> None:
    for path in (CHECKOUT / ".github" / "workflows").glob("*.yml"):
        used = re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))
        assert used
        for each in used:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each), each


def test_only_the_publishing_job_may_prove_its_identity() -> None:
    text = (CHECKOUT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    before, publish = text.split("\n  publish:\n")
    assert "id-token" not in before
    assert "id-token: write" in publish
    assert "environment:" in publish
    # What runs beside the token is not code of the repository.
    assert "run:" not in publish
    assert "checkout" not in publish


def test_the_workflow_runs_targets_of_the_makefile() -> None:
    text = (CHECKOUT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    targets = set(re.findall(r"run: make ([a-z-]+)", text))
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    assert targets == {"release-check", "audit", "dist"}
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
